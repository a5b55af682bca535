package wire

import "github.com/coxswain-io/coxswain/znode"

// statFields is the number of fields in a stat.
const statFields = 13

// AppendStat appends a stat.
func AppendStat(dst []byte, s *znode.Stat) []byte {
	dst = AppendArray(dst, statFields)
	dst = AppendUint(dst, uint64(s.Czxid))
	dst = AppendUint(dst, uint64(s.Mzxid))
	dst = AppendUint(dst, uint64(s.Pzxid))
	dst = AppendInt(dst, s.CtimeMS)
	dst = AppendInt(dst, s.MtimeMS)
	dst = AppendInt(dst, s.Version)
	dst = AppendInt(dst, s.Cversion)
	dst = AppendInt(dst, s.Aversion)
	dst = AppendUint(dst, s.Owner)
	dst = AppendInt(dst, s.DataLength)
	dst = AppendInt(dst, s.NumChildren)
	dst = AppendUint(dst, uint64(s.Kind))
	return AppendInt(dst, s.TTLMS)
}

// Stat reads a stat; nil counts as the zero stat.
func (d *Decoder) Stat() (s znode.Stat) {
	if d.Nil() {
		return s
	}
	f := d.Fields(0)
	for _, zxid := range [...]*znode.Zxid{&s.Czxid, &s.Mzxid, &s.Pzxid} {
		if f.Next() {
			*zxid = znode.Zxid(d.Uint())
		}
	}
	for _, number := range [...]*int64{&s.CtimeMS, &s.MtimeMS, &s.Version, &s.Cversion, &s.Aversion} {
		if f.Next() {
			*number = d.Int()
		}
	}
	if f.Next() {
		s.Owner = d.Uint()
	}
	for _, number := range [...]*int64{&s.DataLength, &s.NumChildren} {
		if f.Next() {
			*number = d.Int()
		}
	}
	if f.Next() {
		s.Kind = znode.Kind(d.Uint8())
	}
	if f.Next() {
		s.TTLMS = d.Int()
	}
	f.End()
	return s
}

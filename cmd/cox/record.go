package main

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/coxswain-io/coxswain/client"
)

// statRecord is a node's stat in JSON. Numbers that name something (transactions, sessions) are hexadecimal strings, as
// everywhere in the service: many JSON readers round numbers above 2^53.
type statRecord struct {
	Czxid       string `json:"czxid"`
	Mzxid       string `json:"mzxid"`
	Pzxid       string `json:"pzxid"`
	CtimeMS     int64  `json:"ctime_ms"`
	MtimeMS     int64  `json:"mtime_ms"`
	Version     int64  `json:"version"`
	Cversion    int64  `json:"cversion"`
	Aversion    int64  `json:"aversion"`
	Owner       string `json:"owner,omitempty"`
	DataLength  int64  `json:"data_length"`
	NumChildren int64  `json:"num_children"`
	Kind        string `json:"kind"`
	TTLMS       int64  `json:"ttl_ms,omitempty"`
}

func newStatRecord(s client.Stat) *statRecord {
	r := &statRecord{
		Czxid: s.Czxid.String(), Mzxid: s.Mzxid.String(), Pzxid: s.Pzxid.String(), CtimeMS: s.CtimeMS, MtimeMS: s.MtimeMS,
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion, DataLength: s.DataLength, NumChildren: s.NumChildren,
		Kind: s.Kind.String(), TTLMS: s.TTLMS,
	}
	if s.Owner != 0 {
		r.Owner = client.SessionID(s.Owner).String()
	}
	return r
}

// zkCliTime is how zkCli shows times.
const zkCliTime = "Mon Jan 02 15:04:05 MST 2006"

// printStat prints zkCli's fields in zkCli's order, then what zkCli does not have.
func (o *output) printStat(s client.Stat) {
	line := func(name string, value any) { o.printf("%-14s = %v\n", name, value) }
	line("cZxid", s.Czxid)
	line("ctime", time.UnixMilli(s.CtimeMS).Format(zkCliTime))
	line("mZxid", s.Mzxid)
	line("mtime", time.UnixMilli(s.MtimeMS).Format(zkCliTime))
	line("pZxid", s.Pzxid)
	line("cversion", s.Cversion)
	line("dataVersion", s.Version)
	line("aclVersion", s.Aversion)
	line("ephemeralOwner", client.SessionID(s.Owner))
	line("dataLength", s.DataLength)
	line("numChildren", s.NumChildren)
	if s.Kind == client.KindContainer || s.Kind == client.KindTTL {
		line("kind", s.Kind)
	}
	if s.Kind == client.KindTTL {
		line("ttl", time.Duration(s.TTLMS)*time.Millisecond)
	}
}

// dataRecord is a node's data in JSON: as a string if it is valid text, else in base64.
type dataRecord struct {
	Data     string `json:"data"`
	Encoding string `json:"encoding,omitempty"` // "base64", "hex", or absent for text
}

func newDataRecord(data []byte) dataRecord {
	if utf8.Valid(data) {
		return dataRecord{Data: string(data)}
	}
	return base64Record(data)
}

func base64Record(data []byte) dataRecord {
	return dataRecord{base64.StdEncoding.EncodeToString(data), "base64"}
}

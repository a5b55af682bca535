package wire

// Skip reads one value of any kind, with all that is in it, and ignores it. It uses no recursion, arrays may nest
// [SkipDepthMax] deep, and kinds outside the subset (map, float, extension) are refused.
func (d *Decoder) Skip() {
	var open [SkipDepthMax]uint64 // elements still to read at each depth
	depth := 0
	for {
		n, isArray := d.skipOne()
		if d.err != nil {
			return
		}
		if isArray && n > 0 {
			if depth == SkipDepthMax {
				d.Fail("arrays nested too deep")
				return
			}
			open[depth] = n
			depth++
			continue
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// skipOne reads a value, of an array only its head, whose length it returns.
func (d *Decoder) skipOne() (n uint64, isArray bool) {
	if d.off >= len(d.in) {
		d.tag("a value")
		return 0, false
	}
	switch b := d.in[d.off]; {
	case b < 1<<7, b >= tagNegative, b == tagNil, b == tagFalse, b == tagTrue:
		d.off++
	case d.arrayNext():
		n, _ = d.arrayLength()
		return n, true
	case b&0xe0 == tagFixStr, b >= tagStr8 && b <= tagStr32:
		d.StringBytes()
	case b >= tagBin8 && b <= tagBin32:
		d.Bytes()
	case b >= tagUint8 && b <= tagUint64:
		d.off++
		d.fixed(1 << (b - tagUint8))
	case b >= tagInt8 && b <= tagInt64:
		d.off++
		d.fixed(1 << (b - tagInt8))
	default:
		d.Fail("a kind of value that the protocol does not use (map, float or extension)")
	}
	return 0, false
}

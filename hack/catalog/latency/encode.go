package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
)

// encode writes campaigns in the format of pkg/latency/decode.go, the preferred ones last.
func encode(campaigns []campaign) []byte {
	var b bytes.Buffer
	b.WriteString("tradewind-latency\t1\n")
	for _, c := range campaigns {
		kind := "directed"
		if c.symmetric {
			kind = "symmetric"
		}
		fmt.Fprintf(&b, "section\t%s\t%s\t%s\nregions", kind, c.date, c.source)
		regions := c.regions()
		for _, region := range regions {
			b.WriteString("\t" + region)
		}
		b.WriteByte('\n')
		for i, from := range regions {
			columns := regions
			if c.symmetric {
				columns = regions[:i]
			}
			for j, to := range columns {
				if j > 0 {
					b.WriteByte('\t')
				}
				p := pair{from, to}
				if c.symmetric {
					p = pair{to, from} // regions are sorted, so to is the first of the pair
				}
				f, ok := c.figures[p]
				if !ok {
					continue
				}
				b.WriteString(f.text)
				if f.upper {
					b.WriteByte('+')
				}
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "checksum\t%08x\n", crc32.ChecksumIEEE(b.Bytes()))
	return b.Bytes()
}

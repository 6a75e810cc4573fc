package catalogfile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

var errShort = errors.New("the file ends early")

// Decode reads a compressed file. A damaged one gives an error that says what is wrong.
func Decode(compressed []byte) (*File, error) {
	zip, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("read the price catalog: %w", err)
	}
	var raw bytes.Buffer
	// The trailer of a gzip stream holds its uncompressed size; it is only a hint, the limit below is what counts.
	if n := len(compressed); n >= 4 {
		raw.Grow(int(min(binary.LittleEndian.Uint32(compressed[n-4:]), 4<<20)) + bytes.MinRead)
	}
	if _, err := raw.ReadFrom(io.LimitReader(zip, maxBytes+1)); err != nil {
		return nil, fmt.Errorf("read the price catalog: %w", err)
	}
	if raw.Len() > maxBytes {
		return nil, fmt.Errorf("read the price catalog: more than %d bytes", maxBytes)
	}
	return unmarshal(raw.Bytes())
}

// unmarshal reads the uncompressed bytes of a file.
func unmarshal(raw []byte) (*File, error) {
	d := &decoder{in: raw}
	if string(d.bytes(len(magic))) != magic {
		return nil, errors.New("read the price catalog: not a catalog of this version; regenerate it with go run ./hack/catalog/pricing")
	}
	f := &File{}
	for range d.count(maxClouds) {
		f.Clouds = append(f.Clouds, d.cloud())
		if d.err != nil {
			break
		}
	}
	if d.err == nil && len(d.in) > 0 {
		d.err = fmt.Errorf("%d bytes too many", len(d.in))
	}
	if d.err == nil {
		d.err = f.Validate()
	}
	if d.err != nil {
		return nil, fmt.Errorf("read the price catalog: %w", d.err)
	}
	return f, nil
}

// decoder reads from in; after the first error it returns zero values.
type decoder struct {
	in  []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
		d.in = nil
	}
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.in) {
		d.fail(errShort)
		return nil
	}
	out := d.in[:n]
	d.in = d.in[n:]
	return out
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) int() int64 {
	v := d.uint()
	if v > math.MaxInt64 {
		d.fail(fmt.Errorf("number %d too large", v))
		return 0
	}
	return int64(v)
}

// count reads the length of a list, of which every element takes at least a byte.
func (d *decoder) count(limit int) int {
	v := d.uint()
	if v > uint64(limit) || v > uint64(len(d.in)) {
		d.fail(fmt.Errorf("a list of %d elements, at most %d are possible here", v, min(limit, len(d.in))))
		return 0
	}
	return int(v)
}

func (d *decoder) text() string { return string(d.bytes(d.count(maxText))) }

func (d *decoder) provenance() Provenance {
	return Provenance{Source: d.text(), Date: d.text(), Licence: d.text()}
}

func (d *decoder) cloud() Cloud {
	c := Cloud{ID: d.text()}
	for range d.count(maxSources) {
		c.OnDemand = append(c.OnDemand, d.provenance())
	}
	c.Spot, c.Interruption = d.provenance(), d.provenance()
	for range d.count(maxRegions) {
		c.Regions = append(c.Regions, d.text())
	}
	shared := map[string]string{} // GPU models and architectures repeat
	share := func(s string) string {
		if first, ok := shared[s]; ok {
			return first
		}
		shared[s] = s
		return s
	}
	types := d.count(maxTypes)
	c.Types = make([]Type, 0, types)
	for range types {
		c.Types = append(c.Types, Type{
			Name: d.text(), MilliCPU: d.int(), MemoryBytes: d.int(), GPUs: d.int(),
			GPUModel: share(d.text()), Architecture: share(d.text()),
		})
	}
	cells := len(c.Regions) * len(c.Types)
	if cells > maxCells {
		d.fail(fmt.Errorf("%d pairs of type and region, at most %d are allowed", cells, maxCells))
		return c
	}
	offers := d.bytes(cells)
	if d.err != nil {
		return c
	}
	c.Offers = make([]Offer, cells)
	for i, b := range offers {
		c.Offers[i] = Offer(b)
	}
	c.OnDemandUSD = d.prices(cells)
	c.SpotUSD = d.prices(cells)
	return c
}

func (d *decoder) prices(cells int) []float64 {
	exponents := d.bytes(cells)
	digits := decoder{in: d.bytes(d.count(maxBytes))}
	if d.err != nil {
		return nil
	}
	table := make([]float64, cells)
	for i, exponent := range exponents {
		switch {
		case exponent == 0:
		case exponent == rawExponent:
			bits := digits.bytes(8)
			if digits.err == nil {
				table[i] = math.Float64frombits(binary.LittleEndian.Uint64(bits))
			}
		case int(exponent) <= len(powersOfTen):
			table[i] = float64(digits.uint()) / powersOfTen[exponent-1]
		default:
			d.fail(fmt.Errorf("bad exponent %d", exponent))
			return nil
		}
	}
	if digits.err != nil {
		d.fail(digits.err)
		return nil
	}
	if len(digits.in) > 0 {
		d.fail(fmt.Errorf("%d bytes of digits too many", len(digits.in)))
		return nil
	}
	return table
}

// powersOfTen are the powers that a float64 holds exactly.
var powersOfTen = [maxExponent + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

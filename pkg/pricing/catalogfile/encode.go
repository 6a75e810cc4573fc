package catalogfile

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// magic begins the uncompressed bytes; its last byte is the version of the format.
const magic = "TWPRICE\x02"

// rawExponent marks a figure stored as the eight bytes of a float64, because it has too many digits for a decimal.
const rawExponent = 255

// maxExponent is the largest power of ten that a float64 holds exactly, and maxMantissa the largest integer: a quotient
// of the two is rounded once, so it equals the parsed decimal.
const (
	maxExponent = 22
	maxMantissa = 1 << 53
)

// Encode writes a file, compressed. The same File always gives the same bytes.
func Encode(w io.Writer, f *File) error {
	raw, err := Marshal(f)
	if err != nil {
		return err
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compress the catalog: %w", err)
	}
	if _, err := zip.Write(raw); err != nil {
		return fmt.Errorf("compress the catalog: %w", err)
	}
	if err := zip.Close(); err != nil {
		return fmt.Errorf("compress the catalog: %w", err)
	}
	return nil
}

// Marshal returns the uncompressed bytes of a file.
func Marshal(f *File) ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("write the catalog: %w", err)
	}
	e := &encoder{out: []byte(magic)}
	e.uint(uint64(len(f.Clouds)))
	for i := range f.Clouds {
		e.cloud(&f.Clouds[i])
	}
	return e.out, nil
}

type encoder struct{ out []byte }

func (e *encoder) uint(v uint64) { e.out = binary.AppendUvarint(e.out, v) }

func (e *encoder) text(s string) {
	e.uint(uint64(len(s)))
	e.out = append(e.out, s...)
}

func (e *encoder) cloud(c *Cloud) {
	e.text(c.ID)
	e.uint(uint64(len(c.OnDemand)))
	for _, p := range slices.Concat(c.OnDemand, []Provenance{c.Spot, c.Interruption}) {
		e.text(p.Source)
		e.text(p.Date)
		e.text(p.Licence)
	}
	e.uint(uint64(len(c.Regions)))
	for _, region := range c.Regions {
		e.text(region)
	}
	e.uint(uint64(len(c.Types)))
	for _, t := range c.Types {
		e.text(t.Name)
		e.uint(uint64(t.MilliCPU))
		e.uint(uint64(t.MemoryBytes))
		e.uint(uint64(t.GPUs))
		e.text(t.GPUModel)
		e.text(t.Architecture)
	}
	for _, offer := range c.Offers {
		e.out = append(e.out, byte(offer))
	}
	e.prices(c.OnDemandUSD)
	e.prices(c.SpotUSD)
}

// prices writes a table as two columns, a byte of exponents and then the digits: 0 for an unknown price, else 1 + the number
// of decimals.
func (e *encoder) prices(table []float64) {
	var digits []byte
	for _, usd := range table {
		if usd == 0 {
			e.out = append(e.out, 0)
			continue
		}
		mantissa, exponent, ok := decimal(usd)
		if !ok {
			e.out = append(e.out, rawExponent)
			digits = binary.LittleEndian.AppendUint64(digits, math.Float64bits(usd))
			continue
		}
		e.out = append(e.out, byte(exponent+1))
		digits = binary.AppendUvarint(digits, mantissa)
	}
	e.uint(uint64(len(digits)))
	e.out = append(e.out, digits...)
}

// decimal returns the shortest decimal that parses to usd, as mantissa / 10^exponent.
func decimal(usd float64) (mantissa uint64, exponent int, ok bool) {
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(usd, 'f', -1, 64), ".")
	mantissa, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil || mantissa >= maxMantissa || len(fraction) > maxExponent {
		return 0, 0, false
	}
	return mantissa, len(fraction), true
}

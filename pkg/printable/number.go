package printable

import "fmt"

// Number reads as "1 pod" or "2 pods".
func Number[N int | int32 | int64](count N, one, many string) string {
	if count == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", count, many)
}

// Ratio reads as "3 of 60 nodes".
func Ratio[N int | int32 | int64](part, whole N, one, many string) string {
	return fmt.Sprintf("%d of %s", part, Number(whole, one, many))
}

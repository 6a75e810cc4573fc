package printable

import (
	"fmt"
	"strings"
	"unicode"
)

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

// A is a name with the indefinite article that goes with how it is read: "a c7g.large", "an m7i.large", "an e2-standard-4", "a spot node".
// What has one letter, or no vowel, before anything else is read letter by letter.
func A(name string) string {
	start := strings.ToLower(name)
	if end := strings.IndexFunc(start, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 && start[:end] != "" {
		start = start[:end]
	}
	sounds := "aeiou8" // of words, and eight
	if len(start) == 1 || !strings.ContainsAny(start, "aeiouy") {
		sounds = "aefhilmnorsx8" // of letters' names: em, ex
	}
	if start != "" && strings.Contains(sounds, start[:1]) {
		return "an " + name
	}
	return "a " + name
}

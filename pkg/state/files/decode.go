package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v2"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsjson "sigs.k8s.io/json"

	"tradewind.dev/tradewind/pkg/printable"
)

// decodeJSON reads a JSON value as an API server does. A field that is there twice is an error.
func decodeJSON(text []byte) (any, error) {
	var value any
	strict, err := sigsjson.UnmarshalStrict(text, &value)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	return value, err
}

// errMore is the error of YAML that goes on after the end of the document: kubectl leaves the rest out without a word.
var errMore = errors.New("more text follows the end of the document, which kubectl leaves out: write --- on a line before each document, and end lines with LF")

// decodeYAML reads a document as kubectl does: into the values of JSON, by the rules of YAML 1.1. A key that is there
// twice is an error. rest is what is after the document where there is something.
func decodeYAML(text []byte) (value any, rest []any, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.SetStrict(true)
	var parsed any
	if err := decoder.Decode(&parsed); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	value, wrong := toJSON(parsed)
	for {
		var more any
		moreErr := decoder.Decode(&more)
		if errors.Is(moreErr, io.EOF) {
			break
		}
		if moreErr != nil {
			return value, rest, fmt.Errorf("%w (%w)", errMore, moreErr)
		}
		if more, unusable := toJSON(more); unusable == nil && more != nil {
			rest = append(rest, more)
		}
	}
	if len(rest) > 0 {
		return value, rest, errMore
	}
	if wrong != nil {
		return value, nil, wrong
	}
	return value, nil, nil
}

// valueError is a value of YAML that JSON does not have.
type valueError struct{ FieldError }

// Error is the message, without the field.
func (e *valueError) Error() string { return e.Message }

// under is the error of a value in a key, or an item ("[2]"), of the value that is asked about. Paths are put together on the
// way back from what is wrong, since a path for each value would cost its depth for each.
func (e *valueError) under(step string) *valueError {
	if e.Field != "" && e.Field[0] != '[' {
		step += "."
	}
	e.Field = step + e.Field
	return e
}

// toJSON turns a value of YAML into what a decoder of JSON would have made of it. Errors name the field from here.
func toJSON(value any) (any, *valueError) {
	switch typed := value.(type) {
	case map[any]any:
		return mappingToJSON(typed)
	case []any:
		for i, inner := range typed {
			converted, err := toJSON(inner)
			if err != nil {
				return nil, err.under(fmt.Sprintf("[%d]", i))
			}
			typed[i] = converted
		}
		return typed, nil
	case string:
		if utf8.ValidString(typed) {
			return typed, nil
		}
	case nil, bool, int64:
		return value, nil
	case int:
		return int64(typed), nil
	case float64:
		if math.IsNaN(typed) || math.IsInf(typed, 0) {
			return nil, &valueError{FieldError{Message: "is no number that JSON has (not a number, or infinite); write a number, or put it in quotes"}}
		}
	}
	// Numbers that fit become whole ones, times become text, and bytes that are no text the replacement character.
	encoded, err := json.Marshal(value)
	var out any
	if err == nil {
		err = utiljson.Unmarshal(encoded, &out)
	}
	if err != nil {
		return nil, &valueError{FieldError{Message: err.Error()}}
	}
	return out, nil
}

func mappingToJSON(mapping map[any]any) (any, *valueError) {
	out := make(map[string]any, len(mapping))
	var first *valueError
	for key, inner := range mapping {
		name, err := keyText(key)
		if err != nil {
			return nil, &valueError{FieldError{Message: err.Error()}}
		}
		if _, taken := out[name]; taken {
			return nil, &valueError{FieldError{name, "the same key is there twice, in two spellings; remove one"}}
		}
		var wrong *valueError
		if out[name], wrong = toJSON(inner); wrong != nil {
			if wrong = wrong.under(name); first == nil || wrong.Field < first.Field {
				first = wrong
			}
		}
	}
	if first != nil {
		return out, first
	}
	return out, nil
}

// keyText is a key as JSON writes it.
func keyText(key any) (string, error) {
	switch typed := key.(type) {
	case string:
		return strings.ToValidUTF8(typed, "\ufffd"), nil
	case int, int64, bool:
		return fmt.Sprint(typed), nil
	case float64:
		text := strconv.FormatFloat(typed, 'g', -1, 32)
		if named, ok := map[string]string{"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}[text]; ok {
			text = named
		}
		return text, nil
	}
	return "", fmt.Errorf("a key here is no text but %s; put it in quotes", printable.Quote(fmt.Sprint(key)))
}

// culprit finds the field that an object cannot be decoded for, where the error does not name it: the first whose value
// alone is refused. decode is asked about objects with less and less in them, so that each value is decoded as often as it
// is deep.
func culprit(object map[string]any, decode func(json.RawMessage) error) string {
	fails := func(value any) bool {
		encoded, err := json.Marshal(value)
		return err == nil && decode(encoded) != nil
	}
	return culpritUnder(object, "", func(inner any) any { return inner }, fails)
}

// culpritUnder looks in a value at a path; whole wraps a value of that place into the object.
func culpritUnder(value any, path string, whole func(any) any, fails func(any) bool) string {
	switch typed := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(typed))
		for key := range typed {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			alone := func(inner any) any { return whole(map[string]any{key: inner}) }
			if fails(alone(typed[key])) {
				return culpritUnder(typed[key], strings.TrimPrefix(path+"."+key, "."), alone, fails)
			}
		}
	case []any:
		for i, inner := range typed {
			alone := func(inner any) any { return whole([]any{inner}) }
			if fails(alone(inner)) {
				return culpritUnder(inner, fmt.Sprintf("%s[%d]", path, i), alone, fails)
			}
		}
	}
	return path
}

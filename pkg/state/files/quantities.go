package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/pkg/printable"
)

// resourceLists are the fields that hold quantities by the name of a resource.
var resourceLists = map[string]bool{
	"requests": true, "limits": true, "capacity": true, "allocatable": true, "allocatedResources": true, "overhead": true,
	"podFixed": true,
}

// nested are those of them that hold quantities one step deeper in some kinds: a RuntimeClass in overhead.podFixed, devices and their
// counters in capacity[NAME].value and counters[NAME].value.
var nested = map[string]bool{"overhead": true, "capacity": true, "counters": true}

// singleQuantities are the fields that hold one quantity.
var singleQuantities = map[string]bool{"sizeLimit": true, "divisor": true}

// maxQuantity of any resource: more than any node has, and small enough for thousandths and products of it.
const maxQuantity = 1e15

// maxQuantityText is the longest text of a quantity: reading one takes time with the square of its digits.
const maxQuantityText = 64

// quantities finds resource lists in an object and says which of their quantities cannot be: unreadable, negative, or
// absurd. They are looked at before the object is decoded, as a quantity with a huge exponent takes hours to read.
func quantities(value any, path string) []FieldError {
	var out []FieldError
	switch typed := value.(type) {
	case []any:
		for i, inner := range typed {
			out = append(out, quantities(inner, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(typed)) {
			field := key
			if path != "" {
				field = path + "." + key
			}
			if singleQuantities[key] {
				if message := quantityReason(typed[key]); message != "" {
					out = append(out, FieldError{field, message})
				}
				continue
			}
			list, ok := typed[key].(map[string]any)
			if !ok || !resourceLists[key] && !nested[key] {
				out = append(out, quantities(typed[key], field)...)
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(list)) {
				if inner, deeper := list[name].(map[string]any); deeper && nested[key] {
					out = append(out, quantities(map[string]any{name: inner}, field)...)
					if message := quantityReason(inner["value"]); message != "" {
						out = append(out, FieldError{field + "[" + name + "].value", message})
					}
					continue
				}
				if message := quantityReason(list[name]); message != "" {
					out = append(out, FieldError{field + "[" + name + "]", message})
				}
			}
		}
	}
	return out
}

// quantityReason is what is wrong with a quantity, or empty.
func quantityReason(value any) string {
	var text string
	switch typed := value.(type) {
	case string:
		text = typed
	case int64, float64:
		encoded, err := json.Marshal(typed)
		if err != nil {
			return err.Error()
		}
		text = string(encoded)
	case map[string]any, []any:
		return "is no quantity; write a number with a unit, such as 500m or 2Gi"
	case bool:
		return fmt.Sprintf("%t is no quantity; write a number with a unit, such as 500m or 2Gi", typed)
	default:
		return "" // null says nothing
	}
	if exponent.MatchString(text) || len(text) > maxQuantityText {
		return fmt.Sprintf("%s is more than any node has, or less than anybody asks for; write such as 500m or 2Gi", printable.Quote(text))
	}
	quantity, err := resource.ParseQuantity(text)
	switch {
	case err != nil:
		return fmt.Sprintf("%s is no quantity; write a number with a unit, such as 500m or 2Gi", printable.Quote(text))
	case quantity.Sign() < 0:
		return fmt.Sprintf("%s is negative; write 0 or more", printable.Clip(text, 64))
	case quantity.AsApproximateFloat64() > maxQuantity:
		return fmt.Sprintf("%s is more than any node has; is the unit right?", printable.Clip(text, 64))
	}
	return ""
}

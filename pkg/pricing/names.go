package pricing

import "strings"

// names finds the position of a name in a sorted list without allocating.
type names struct {
	list   []string
	exact  map[string]int32
	folded map[string]int32 // lower-case names; nil where case matters
}

func newNames(list []string, fold bool) names {
	n := names{list: list, exact: make(map[string]int32, len(list))}
	if fold {
		n.folded = make(map[string]int32, len(list))
	}
	for i, name := range list {
		n.exact[name] = int32(i)
		if fold {
			n.folded[strings.ToLower(name)] = int32(i)
		}
	}
	return n
}

// index returns the position of a name: an exact match first, then one that differs in case only.
func (n *names) index(name string) (int, bool) {
	if i, ok := n.exact[name]; ok {
		return int(i), true
	}
	if n.folded == nil {
		return 0, false
	}
	var buffer [longestName]byte
	lower, ok := lowerASCII(buffer[:], name)
	if !ok {
		return 0, false
	}
	i, ok := n.folded[string(lower)] // the compiler does not copy lower for the look-up
	return int(i), ok
}

// canonical returns the name as the catalog spells it, or the name itself when the catalog does not have it.
func (n *names) canonical(name string) string {
	if i, ok := n.index(name); ok {
		return n.list[i]
	}
	return name
}

// longestName is the longest name worth looking up: label values of Kubernetes have at most 63 characters.
const longestName = 64

// lowerASCII writes name in lower case into buffer. It is false when the name is too long to be one.
func lowerASCII(buffer []byte, name string) ([]byte, bool) {
	if len(name) > len(buffer) {
		return nil, false
	}
	for i := range len(name) {
		b := name[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buffer[i] = b
	}
	return buffer[:len(name)], true
}

// foldsCase says whether a cloud compares its names without regard to case. Azure's resource manager does, and its
// tools write the same size as Standard_D4s_v5 and standard_d4s_v5.
func foldsCase(cloud string) bool { return cloud == "azure" }

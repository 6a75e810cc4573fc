package looptest

import (
	"testing"

	"tradewind.dev/tradewind/pkg/kube/loop"
)

func TestAsks(t *testing.T) {
	var l *loop.Loop
	use := func(of *loop.Loop) { l = of }
	for _, c := range []struct {
		name    string
		happens func()
		want    bool
	}{
		{"nothing", func() {}, false},
		{"a change", func() { l.Changed() }, true},
		{"a pressing change", func() { l.Press() }, true},
	} {
		if got := Asks(t, use, c.happens); got != c.want {
			t.Errorf("%s asks for work: %t", c.name, got)
		}
	}
}

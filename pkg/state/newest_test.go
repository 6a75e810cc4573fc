package state

import (
	"fmt"
	"sync"
	"testing"
)

func TestNewestIsKept(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []string // "+7" tells of version 7, "-7" that it was the last
		want  string
	}{
		{"in order", []string{"+7", "+10"}, "10"},
		{"the older one is told of later", []string{"+10", "+7"}, "10"},
		{"it is gone", []string{"+7", "+10", "-10"}, ""},
		{"the one before of its name is gone", []string{"+10", "-7"}, "10"},
		{"nothing is known of it", []string{"-7"}, ""},
		{"objects of files have no version", []string{"+a", "+"}, ""},
	} {
		var v newest[string]
		for _, step := range tt.steps {
			if step[0] == '+' {
				v.set("x", step[1:], step[1:])
			} else {
				v.remove("x", step[1:])
			}
		}
		if got, _ := v.get("x"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNewestOfManyAtOnce(t *testing.T) {
	var v newest[int]
	var told sync.WaitGroup
	for i := 1; i <= 100; i++ {
		told.Go(func() { v.set("x", fmt.Sprint(i), i) })
	}
	told.Wait()
	if got, ok := v.get("x"); !ok || got != 100 {
		t.Errorf("%d, want the newest, 100", got)
	}
}

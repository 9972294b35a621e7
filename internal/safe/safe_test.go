package safe_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/safe"
)

// ends returns what f panics with, or nil.
func ends(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func explode() { panic("canary-5d41") }

func TestAPanicIsThatOfWhoWaits(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(g *safe.Group){
		"by itself":        func(g *safe.Group) { g.Go(explode) },
		"in a group of it": func(g *safe.Group) { g.Go(func() { var within safe.Group; within.Go(explode); within.Wait() }) },
		"twice":            func(g *safe.Group) { g.Go(explode); g.Go(explode) },
	} {
		var (
			g    safe.Group
			done atomic.Int32
		)
		for range 5 {
			g.Go(func() { done.Add(1) })
		}
		start(&g)
		for range 2 {
			p, ok := ends(g.Wait).(*safe.Panic)
			if !ok || !strings.Contains(p.Stack, "safe_test.explode") || strings.Contains(p.Stack, "canary") {
				t.Errorf("%s: Wait panics with %v, want the stack of explode and not its value", name, p)
			}
		}
		if done.Load() != 5 {
			t.Errorf("%s: %d others ended, want 5", name, done.Load())
		}
	}
}

func TestWithoutAPanicNothingHappens(t *testing.T) {
	t.Parallel()
	var g safe.Group
	g.Wait()
	g.Go(func() {})
	if v := ends(g.Wait); v != nil {
		t.Errorf("Wait panics with %v", v)
	}
}

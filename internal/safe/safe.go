// Package safe runs goroutines that cannot end the process: a panic in one of
// them goes on in the goroutine that waits for it, where a recover may stand.
package safe

import (
	"runtime/debug"
	"sync"
)

// Panic is what Wait panics with. It has the stack of the goroutine that
// panicked first, and not the value, which may hold anything.
type Panic struct{ Stack string }

// Group is a sync.WaitGroup for functions that may panic. The zero value is
// ready.
type Group struct {
	all sync.WaitGroup

	mu    sync.Mutex
	first *Panic
}

// Go runs f in a goroutine of its own.
func (g *Group) Go(f func()) {
	g.all.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				g.note(v)
			}
		}()
		f()
	})
}

// note keeps the first panic; one that comes from a group within has the stack
// of its origin already.
func (g *Group) note(v any) {
	p, known := v.(*Panic)
	if !known {
		p = &Panic{Stack: string(debug.Stack())}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first == nil {
		g.first = p
	}
}

// Wait returns once all functions have, and panics if one of them did. It may
// be called again; it panics again.
func (g *Group) Wait() {
	g.all.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != nil {
		panic(g.first)
	}
}

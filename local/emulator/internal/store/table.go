package store

import "slices"

// Table holds the rows of one kind in the order in which they were created.
type Table[T any] struct {
	rows  map[string]*T
	order []string
}

// Put adds a row, or replaces the one of that id where it stands.
func (t *Table[T]) Put(id string, row *T) {
	if t.rows == nil {
		t.rows = map[string]*T{}
	}
	if _, known := t.rows[id]; !known {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

// Get returns the row of that id; nil if there is none.
func (t *Table[T]) Get(id string) *T { return t.rows[id] }

// Remove takes a row away, if it is there.
func (t *Table[T]) Remove(id string) {
	if _, known := t.rows[id]; !known {
		return
	}
	delete(t.rows, id)
	for i, other := range t.order {
		if other == id {
			t.order = append(t.order[:i:i], t.order[i+1:]...)
			return
		}
	}
}

// All returns the rows that keep holds for (nil: all), oldest first.
func (t *Table[T]) All(keep func(*T) bool) []*T {
	out := []*T{}
	for _, id := range t.order {
		if row := t.rows[id]; keep == nil || keep(row) {
			out = append(out, row)
		}
	}
	return out
}

// DeleteFunc removes the rows that gone holds for.
func (t *Table[T]) DeleteFunc(gone func(*T) bool) {
	t.order = slices.DeleteFunc(t.order, func(id string) bool {
		if !gone(t.rows[id]) {
			return false
		}
		delete(t.rows, id)
		return true
	})
}

// Len is how many rows there are.
func (t *Table[T]) Len() int { return len(t.order) }

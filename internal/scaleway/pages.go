package scaleway

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pageSize is the most that the API allows: the fewest calls.
const pageSize = 100

const (
	pagesMax = 100 // of one list: no project comes near 10,000 of anything here
	// readings of a list that does not add up. The API counts and lists at
	// different moments: "5 of 6", then an empty page (docs/scaleway.md, Lists).
	readings    = 3
	rereadAfter = 2 * time.Second
)

// fetch asks for one page of a list, and says what the whole list holds.
type fetch[T any] func(page *int32) (items []*T, total uint64, err error)

// every reads all pages of a list. The SDK's own way of doing so believes the
// first page's total_count without a bound. A list that delivers less than it
// announces, or gets shorter while it is read, is read again and then refused:
// what it leaves out may be what must not be deleted. Items that come twice, as
// those do that move between pages, count once.
func every[T any](ctx context.Context, c *Client, id func(*T) string, ask fetch[T]) ([]*T, error) {
	for reading := 1; ; reading++ {
		items, err := read(id, ask)
		var short *shortError
		if !errors.As(err, &short) || reading == readings {
			return items, err
		}
		if c.options.Clock.Sleep(ctx, rereadAfter) != nil {
			return nil, err
		}
	}
}

// shortError is a list that does not hold what it says.
type shortError struct{ text string }

func (e *shortError) Error() string { return e.text }

func read[T any](id func(*T) string, ask fetch[T]) ([]*T, error) {
	var (
		all    []*T
		before uint64
		seen   = map[string]bool{}
	)
	for page := int32(1); page <= pagesMax; page++ {
		items, total, err := ask(&page)
		if err != nil {
			return nil, err
		}
		if items == nil { // an empty list says so (recorded for all)
			return nil, errors.New("the answer holds no list")
		}
		known := len(all)
		for _, item := range items {
			if item == nil || id(item) == "" {
				return nil, errors.New("the list holds an item that does not say which it is")
			}
			if key := id(item); !seen[key] {
				seen[key] = true
				all = append(all, item)
			}
		}
		switch whole := uint64(len(all)) >= total; {
		case total < before:
			return nil, &shortError{"the list got shorter while it was read"}
		case whole && (len(items) < pageSize || len(all) == known):
			return all, nil // a full page may have a next one, whatever total_count says
		case len(all) == known:
			return nil, &shortError{fmt.Sprintf("the list announces %d items and delivers %d", total, len(all))}
		}
		before = total
	}
	return nil, fmt.Errorf("the list has more than %d items", pagesMax*pageSize)
}

// missing is the error of an item that does not say what it must: a filter by
// that field would drop it without a word.
func missing(item, field string) error {
	return fmt.Errorf("%s has no %s", item, field)
}

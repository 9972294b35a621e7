package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/host"
)

// span is a duration of a flag: 50ms, 45s, 30d.
type span time.Duration

// UnmarshalText reads days, too.
func (s *span) UnmarshalText(text []byte) error {
	var d emulator.SeedAge
	if err := d.UnmarshalText(text); err != nil || d < 0 {
		return fmt.Errorf("want a duration such as 50ms or 1d12h, not %q", text)
	}
	*s = span(d)
	return nil
}

// moment is a time of a flag.
type moment struct{ time.Time }

// UnmarshalText reads RFC 3339.
func (m *moment) UnmarshalText(text []byte) error {
	if err := m.Time.UnmarshalText(text); err != nil {
		return fmt.Errorf("want a time such as 2027-01-01T00:00:00Z, not %q", text)
	}
	return nil
}

// emulator is one that holds the seed. What it is asked for in vain it says on
// stderr, each once.
func (c *apiCommand) emulator(stderr io.Writer) (*emulator.Emulator, error) {
	options := emulator.Options{
		Latency: time.Duration(c.Latency), KeyLag: time.Duration(c.KeyLag),
		OnUnknownRoute: func(route string) {
			fmt.Fprintf(stderr, "local: this emulator has no %s; it answered 404\n", printable.Line(route))
		},
	}
	if !c.Clock.IsZero() {
		options.Clock = emulator.NewClockAt(c.Clock.Time)
	}
	seed, err := seedOf(c.Seed)
	if err == nil && c.HostFunctions {
		options.Clock = cmp.Or(options.Clock, emulator.NewClock())
		options.Host, err = host.New(host.Options{Clock: options.Clock, Env: func() []string { return c.network }, Log: stderr})
		if err != nil {
			return nil, err
		}
	}
	e := emulator.New(options)
	if err == nil {
		err = e.Load(seed)
	}
	if err != nil {
		_ = e.Close() // it has run nothing
		return nil, misused("--seed %s: %s", c.Seed, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return e, nil
}

// seedOf is the seed of a --seed flag.
func seedOf(name string) (emulator.Seed, error) {
	switch name {
	case "demo":
		return emulator.Demo(), nil
	case "empty":
		return emulator.Empty(), nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // the file that the user names
	if cause, ok := errors.AsType[*os.PathError](err); ok {
		return emulator.Seed{}, fmt.Errorf("want demo, empty or a file: %w", cause.Err)
	}
	if err != nil {
		return emulator.Seed{}, err
	}
	return emulator.ParseSeed(text)
}

// defaultProject is the id of the project that clients use: the one of that name
// or ID, or the seed's first that is not default.
func defaultProject(e *emulator.Emulator, name string) (string, error) {
	names := e.ProjectNames()
	if name != "" {
		for _, have := range names {
			if id := e.Project(have); name == have || name == id {
				return id, nil
			}
		}
		return "", misused("--project %s: the seed has only %s", name, strings.Join(names, ", "))
	}
	for _, name := range names {
		if name != "default" {
			return e.Project(name), nil
		}
	}
	return e.Project("default"), nil
}

// tally says at the end what was asked.
func tally(w io.Writer, e *emulator.Emulator) {
	fmt.Fprintf(w, "%s served\n", counted(e.Served(), "request"))
	unknown := e.UnknownRoutes()
	if len(unknown) == 0 {
		return
	}
	fmt.Fprintln(w, "asked for, and not in this emulator:")
	for _, route := range unknown {
		fmt.Fprintf(w, "  %s  %s\n", printable.Line(route.Route), counted(route.Count, "time"))
	}
}

func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

func TestOnlyYesIsYes(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{"yes\n": true, " yes": true, "y\n": false, "no\n": false, "": false} {
		p := program{stdin: strings.NewReader(said), stderr: io.Discard}
		if err := p.confirmed(t.Context(), "Make this?"); (err == nil) != want {
			t.Errorf("%q: %v", said, err)
		}
	}
}

// Ctrl-C at the question does not wait for an answer.
func TestAnInterruptedQuestionIsANo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, never := io.Pipe()
	defer func() { _ = never.Close() }()
	p := program{stdin: silent, stderr: io.Discard}
	if err := p.confirmed(ctx, "Make this?"); err == nil || err.Error() != "nothing was changed" {
		t.Errorf("it says %v", err)
	}
}

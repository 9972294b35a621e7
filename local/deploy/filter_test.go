package main

import (
	"bytes"
	"testing"
)

// What osls passes on of Scaleway's API reaches the terminal through the filter.
func TestTheFilterPassesOnWhatIsPrintable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := newFilter(&out, []string{"5ec2e700"})
	for _, part := range []string{"Creating na", "mespace…\nError: \x1b[31mno\u202e 5ec2", "e700 \u009b\nis it", " so? "} {
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "Creating namespace…\nError: �[31mno� <secret> �\nis it so? "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

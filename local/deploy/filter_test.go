package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
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

// An error is printed by somebody else, past the filter.
func TestAnErrorLeavesWithoutSecrets(t *testing.T) {
	t.Parallel()
	cause := &os.PathError{Op: "open", Path: "5ec2e700", Err: os.ErrNotExist}
	err := newFilter(io.Discard, []string{"5ec2e700"}).clean(fmt.Errorf("read it: %w", cause))
	if err.Error() != "read it: open <secret>: file does not exist" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says %v", err)
	}
}

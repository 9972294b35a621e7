package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestRoundTripperFailsAsConnectionsDo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		fault emulator.Fault
		sent  error // of RoundTrip
		read  error // of the body
	}{
		{"cut before", emulator.Fault{DropFirst: true}, syscall.ECONNRESET, nil},
		{"cut after", emulator.Fault{DropAfter: true}, io.ErrUnexpectedEOF, nil},
		{"half a body", emulator.Fault{Half: true}, nil, io.ErrUnexpectedEOF},
	} {
		l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
		l.Arm(row.fault)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+l.MustEndpoint("open").Host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := l.RoundTripper().RoundTrip(r)
		if !errors.Is(err, row.sent) {
			t.Errorf("%s: %v, want %v", row.name, err, row.sent)
		}
		if err != nil {
			continue
		}
		if _, err := io.ReadAll(answer.Body); !errors.Is(err, row.read) {
			t.Errorf("%s: body: %v, want %v", row.name, err, row.read)
		}
		answer.Body.Close()
	}
}

func TestRoundTripperHonoursTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := emulatortest.NewLand(t, emulator.Options{Clock: emulator.NewClock()}, emulatortest.Place())
		l.Arm(emulator.Fault{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.MustEndpoint("open").Host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		answer, err := l.RoundTripper().RoundTrip(r)
		if err == nil {
			answer.Body.Close()
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(before) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(before))
		}
	})
}

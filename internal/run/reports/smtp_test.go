package reports_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A run on a clock that is made up opens no connection of its own to tell of itself,
// whatever is set; a real one does, fails by nothing that becomes of that, and shows no
// password.
func TestOnlyARealRunTellsBySMTP(t *testing.T) {
	t.Parallel()
	const password = "Pa55w0rd-made-up"
	for name, tt := range map[string]struct {
		real   bool
		ears   http.RoundTripper
		detail string // "": nobody is told
		conns  bool
	}{
		"made up":               {},
		"made up, with ears":    {ears: &ears{}, detail: "there is no network to send it over"},
		"real, but for the API": {real: true, detail: "it answers 554 to the connection", conns: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			var conns atomic.Int64
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					conns.Add(1)
					_, _ = conn.Write([]byte("554 " + password + "\r\n"))
					_ = conn.Close()
				}
			}()
			seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 1)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 1)))
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_NOTIFY_ON=always",
				"ROTATOR_NOTIFY=smtp://me:"+password+"@"+listener.Addr().String()+"/?from=keys@example.com&to=ops@example.org")
			var log bytes.Buffer
			r.Log = &log
			o := r.Surroundings()
			o.Tell = tt.ears
			if tt.real {
				o.Clock.Emulated, o.Clock.After = false, nil
			}
			rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil || rep.Outcome != report.Success {
				t.Fatalf("%v\n%s", err, runtest.Text(t, rep))
			}
			if got := rep.Told; (tt.detail == "") != (len(got) == 0) || tt.detail != "" && (len(got) != 1 || got[0].Told || got[0].Detail != tt.detail || got[0].Target != "smtp at 127.0.0.1") {
				t.Errorf("%+v", got)
			}
			if (conns.Load() > 0) != tt.conns {
				t.Errorf("%d connections", conns.Load())
			}
			said, err := json.Marshal(rep)
			if err != nil || strings.Contains(string(said)+runtest.Text(t, rep)+log.String(), password) {
				t.Errorf("%v: the password is shown", err)
			}
		})
	}
}

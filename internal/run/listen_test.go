package run_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// listener hears all that the runs of a rig say: the log at its debug level, and
// their reports in both forms.
type listener struct {
	r     *rig
	known emulatortest.Secrets

	mu   sync.Mutex
	said bytes.Buffer
}

func (r *rig) listen() *listener {
	l := &listener{r: r, known: emulatortest.Secrets{}}
	l.known.Learn(r.Emulator)
	r.log = l
	return l
}

// Write takes a line of the log; runs at once write at once.
func (l *listener) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said.Write(line)
}

func (l *listener) report(t *testing.T, rep *report.Report) {
	t.Helper()
	if err := json.NewEncoder(&l.said).Encode(rep); err != nil {
		t.Fatal(err)
	}
	l.said.WriteString(text(t, rep))
}

// check looks for every secret that the emulator had meanwhile: those of all
// keys, the function's own, the owner's and those made and undone among them.
func (l *listener) check(t *testing.T) {
	t.Helper()
	l.known.Learn(l.r.Emulator)
	if !strings.Contains(l.said.String(), "run ended") || !strings.Contains(l.said.String(), l.r.cfg.ProjectID) || len(l.known) < 4 {
		t.Errorf("the listener hears too little (%d bytes) or knows too few secrets (%d)", l.said.Len(), len(l.known))
	}
	if found := l.known.Leaks(l.said.String()); len(found) > 0 {
		t.Errorf("it says a secret:\n  %s", strings.Join(found, "\n  "))
	}
}

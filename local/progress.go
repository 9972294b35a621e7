package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	patience = 2 * time.Second // what takes longer is told
	redraw   = 200 * time.Millisecond
	retell   = 30 * time.Second // where lines stay
	barWidth = 20
)

// meter tells what takes long: by a bar where there is a terminal, by lines
// elsewhere.
type meter struct {
	terminal bool

	mu    sync.Mutex
	to    io.Writer
	drawn bool // a bar stands in the last line
}

func newMeter(stderr io.Writer, terminal string) *meter {
	file, is := stderr.(*os.File)
	return &meter{to: stderr, terminal: is && isTerminal(file) && terminal != "dumb"}
}

// through is a writer to the same screen: the bar makes way for what it writes.
func (m *meter) through(w io.Writer) io.Writer { return &beside{m, w} }

type beside struct {
	bar *meter
	to  io.Writer
}

func (b *beside) Write(p []byte) (int, error) {
	b.bar.mu.Lock()
	defer b.bar.mu.Unlock()
	b.bar.erase()
	return b.to.Write(p)
}

// during tells that this is being done, until end is called.
func (m *meter) during(what string) (end func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		m.tell(what, done)
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}

func (m *meter) tell(what string, done <-chan struct{}) {
	every, wait := retell, time.NewTimer(patience)
	if m.terminal {
		every = redraw
	}
	defer wait.Stop()
	for n := 0; ; n++ {
		select {
		case <-done:
			m.mu.Lock()
			defer m.mu.Unlock()
			m.erase()
			return
		case <-wait.C:
			m.draw(what, n, patience+time.Duration(n)*every)
			wait.Reset(every)
		}
	}
}

func (m *meter) draw(what string, n int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.terminal {
		fmt.Fprintf(m.to, "… %s, for %s so far\n", what, took)
		return
	}
	m.erase()
	block := strings.Repeat("=", barWidth/4)
	bar := []byte(strings.Repeat(" ", barWidth))
	for i := range block { // it comes in again at the left
		bar[(n+i)%barWidth] = block[i]
	}
	// Beyond the edge it is cut off, not wrapped: only its last line would be erased.
	fmt.Fprintf(m.to, "\x1b[?7l[%s] %s, %d s\x1b[?7h", bar, what, int(took.Seconds()))
	m.drawn = true
}

// erase takes the bar away.
func (m *meter) erase() {
	if m.drawn {
		fmt.Fprint(m.to, "\r\x1b[K")
		m.drawn = false
	}
}

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// instance is one process of a function.
type instance struct {
	cmd    *exec.Cmd
	addr   string
	client *http.Transport
	exited chan struct{} // closed once it has ended, and was waited for
	ending sync.Once

	since time.Time // idle since then; under the revision's lock
}

// startInstance returns once the process listens. ctx limits the start, not
// the process.
func startInstance(ctx context.Context, r *revision) (*instance, error) {
	dir, err := os.MkdirTemp(r.dir, "instance-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), r.binary())
	cmd.Dir = dir
	cmd.Env = append(append(append([]string{}, r.d.Env...), "PORT=0"), r.host.options.Env()...)
	apart(cmd)
	cmd.WaitDelay = endLimit // for pipes that a child of its own holds open
	listens := make(chan string, 1)
	said := &lines{to: func(line string) {
		if addr, ok := strings.CutPrefix(line, "listening on http://"); ok {
			select {
			case listens <- addr:
				return
			default: // it says so itself
			}
		}
		r.host.log(r.d, line)
	}}
	complained := &lines{to: func(line string) { r.host.log(r.d, line) }}
	cmd.Stdout, cmd.Stderr = said, complained

	i := &instance{
		cmd: cmd, exited: make(chan struct{}),
		client: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1},
	}
	if err := r.host.run(i, func() { said.rest(); complained.rest(); _ = os.RemoveAll(dir) }); err != nil {
		return nil, err
	}
	select {
	case i.addr = <-listens:
		return i, nil
	case <-i.exited:
		return nil, fmt.Errorf("the function ended before it listened (%s); its log says why", cmd.ProcessState)
	case <-r.host.options.After(startLimit):
		err = fmt.Errorf("the function did not listen within %s; its log may say why", startLimit)
	case <-r.host.closing:
		err = errClosing
	case <-ctx.Done():
		err = ctx.Err()
	}
	i.end()
	return nil, err
}

// run starts the process and sees to its end, after which it calls after.
func (h *Host) run(i *instance, after func()) error {
	if !h.begin() {
		return errClosing
	}
	started := make(chan error, 1)
	h.starts <- func() { started <- i.cmd.Start() }
	if err := <-started; err != nil {
		h.under.Done()
		return err
	}
	h.count(i, true)
	go func() {
		defer h.under.Done()
		_ = i.cmd.Wait() // how it ended is in its ProcessState
		terminate(i.cmd, true)
		i.client.CloseIdleConnections()
		after()
		close(i.exited)
		h.count(i, false)
	}()
	if h.isClosing() {
		go i.end() // it began between the first look and Close
	}
	return nil
}

func (i *instance) runs() bool {
	select {
	case <-i.exited:
		return false
	default:
		return true
	}
}

// end asks the process to end, makes it end, and waits until it has. More than
// one may ask.
func (i *instance) end() {
	i.ending.Do(func() {
		if i.runs() {
			terminate(i.cmd, false)
		}
		select {
		case <-i.exited:
		case <-time.After(endLimit):
			terminate(i.cmd, true)
		}
	})
	<-i.exited
}

// remove removes what was built for a revision.
func (h *Host) remove(r *revision) {
	h.forget(r)
	if err := os.RemoveAll(r.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.log(r.d, "instance: "+err.Error())
	}
}

// lineLimit is how long a line gets before it is broken.
const lineLimit = 64 << 10

// lines is a writer that passes on what it gets line by line.
type lines struct {
	to   func(line string)
	held []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.held = append(l.held, p...)
	for {
		at := bytes.IndexByte(l.held, '\n')
		if at < 0 && len(l.held) < lineLimit {
			return len(p), nil
		}
		line, skip := at, 1
		if at < 0 || at > lineLimit {
			line, skip = lineLimit, 0
		}
		l.to(string(bytes.TrimSuffix(l.held[:line], []byte("\r"))))
		l.held = append([]byte(nil), l.held[line+skip:]...)
	}
}

// rest passes on a last line without an end.
func (l *lines) rest() {
	if len(l.held) > 0 {
		l.to(string(l.held))
		l.held = nil
	}
}

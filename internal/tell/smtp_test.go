package tell_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

const (
	here   = "127.0.0.1"
	people = "?from=keys@example.com&to=ops@example.org,dana@example.net"
	both   = "STARTTLS\nAUTH LOGIN PLAIN\n8BITMIME"
)

// byMail tells by a server that listens there, whose password is the canary.
func byMail(t *testing.T, c clock.Clock, roots *x509.CertPool, kind, at string, m tell.Message) tell.Result {
	t.Helper()
	teller := tell.New(tell.Options{Clock: c, Roots: roots})
	got := teller.Tell(t.Context(), targets(t, kind+"://me%40example.com:"+canary+"%2F@"+at+"/"+people), m)
	if len(got) != 1 || strings.Contains(fmt.Sprintf("%+v", got), canary) || !strings.HasPrefix(got[0].Target, kind+" at 127.0.0.1") {
		t.Fatalf("%+v", got)
	}
	return got[0]
}

func TestAnEMailGoesThroughAnSMTPServerUnderTLSAlone(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	for kind, extensions := range map[string]string{"smtps": "AUTH PLAIN", "smtp": both, "smtps ": "AUTH XOAUTH2 LOGIN"} {
		kind = strings.TrimSpace(kind)
		p := &post{tlsFirst: kind == "smtps", offers: extensions}
		got := byMail(t, clock.Real(), roots, kind, p.open(t, identity), hostile())
		if !got.Told || got.Detail != "" || len(p.letters) != 1 || p.conns != 1 {
			t.Errorf("%s: %+v, came %q", kind, got, p.came)
			continue
		}
		if login := p.logins[0]; login != "\x00me@example.com\x00"+canary+"/" {
			t.Errorf("%s: logged in as %q", kind, login)
		}
		for _, line := range p.clear {
			if line != "EHLO example.com" && line != "STARTTLS" {
				t.Errorf("%s: in clear: %q", kind, line)
			}
		}
		came := strings.Join(p.came, "\n")
		for _, want := range []string{"EHLO example.com\n", "\nMAIL FROM:<keys@example.com>", "\nRCPT TO:<ops@example.org>\nRCPT TO:<dana@example.net>\nDATA\n", "\nQUIT"} {
			if !strings.Contains(came, want) {
				t.Errorf("%s: no %q in\n%s", kind, want, came)
			}
		}
	}
}

// Whatever a message says, its head is ours, and its body what it says.
func TestALetterIsASCIIAndNothingInItIsAHeader(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	p := &post{tlsFirst: true, offers: "AUTH PLAIN"}
	message := tell.Message{
		Title: "✗ FAILURE: é\r\nBcc: x@example.com\r\n\r\n" + strings.Repeat("ü", 300),
		Lines: []string{"error: \x1b[2J \u202e " + strings.Repeat("long ", 300), ".", "🔑 = x"}, Foot: "the end\r\n.\r\nMAIL FROM:<x@example.com>",
	}
	if got := byMail(t, clock.Real(), roots, "smtps", p.open(t, identity), message); !got.Told || len(p.letters) != 1 {
		t.Fatalf("%+v, %q", got, p.came)
	}
	for line := range strings.SplitSeq(p.letters[0], "\r\n") {
		if len(line) > 100 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("the line %q", line)
		}
	}
	letter, err := mail.ReadMessage(strings.NewReader(p.letters[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
	if want := "✗ FAILURE: é  Bcc: x@example.com    " + strings.Repeat("ü", 163) + "…"; err != nil || subject != want {
		t.Errorf("%v, subject %q", err, subject)
	}
	to, err := letter.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[1].Address != "dana@example.net" || letter.Header.Get("From") != "keys@example.com" || letter.Header.Get("Bcc") != "" {
		t.Errorf("%v, head %v", err, letter.Header)
	}
	if at, err := letter.Header.Date(); err != nil || time.Since(at).Abs() > time.Hour || letter.Header.Get("Message-Id") == "" {
		t.Errorf("%v, head %v", err, letter.Header)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
	want := "error: \ufffd[2J \ufffd " + strings.Repeat("long ", 300) + "\r\n.\r\n🔑 = x\r\nthe end \r\n. \r\nMAIL FROM:<x@example.com>\r\n"
	if _, rest, _ := strings.Cut(string(body), "\r\nerror"); err != nil || "error"+rest != want || letter.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v, body (-want +got):\n%s", err, cmp.Diff(want, "error"+rest))
	}
}

func TestNothingThatAnSMTPServerDoesTellsItsPassword(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	other, otherRoots := certificate(t, "mail.example.com")
	to := func(begin, say string) func(string) string {
		return func(line string) string {
			if strings.HasPrefix(line, begin) {
				return say
			}
			return ""
		}
	}
	for name, tt := range map[string]struct {
		kind      string // smtp unless set
		server    *post
		distrust  bool // its certificate is not one that is known
		elsewhere bool // its certificate is for another host
		conns     int
		why       string
		told      bool
		unsaid    bool // no password was heard
	}{
		"it refuses, and says the password": {server: &post{answer: to("AUTH LOGIN done", "535 5.7.8 no such password: "+canary+"/")}, conns: 1, why: "it answers 535 to AUTH"},
		"it is busy":                        {server: &post{answer: to("AUTH LOGIN done", "454 "+canary)}, conns: 3, why: "it answers 454 to AUTH"},
		"it asks on and on":                 {server: &post{answer: to("AUTH LOGIN done", "334 "+base64.StdEncoding.EncodeToString([]byte(canary)))}, conns: 1, why: "it offers no way to log in"},
		"it is full":                        {server: &post{answer: to("", "421 come again")}, conns: 3, why: "it answers 421 to the connection", unsaid: true},
		"it wants no such sender":           {server: &post{answer: to("MAIL", "550 no")}, conns: 1, why: "it answers 550 to MAIL"},
		"it knows nobody":                   {server: &post{answer: to("RCPT", "550 no")}, conns: 1, why: "it answers 550 to RCPT"},
		"it knows one of two":               {server: &post{answer: to("RCPT TO:<ops@", "550 no")}, conns: 1, told: true, why: "not told to 1 of its 2 recipients: it answers 550 to RCPT"},
		"it takes no such text":             {server: &post{answer: to(".", "554 "+canary)}, conns: 1, why: "it answers 554 to DATA"},
		"it has no STARTTLS":                {server: &post{offers: "AUTH PLAIN"}, conns: 1, why: "it offers no STARTTLS", unsaid: true},
		"it takes STARTTLS back":            {server: &post{answer: to("STARTTLS", "454 not now")}, conns: 3, why: "it answers 454 to STARTTLS", unsaid: true},
		"it has no login":                   {server: &post{offers: "STARTTLS"}, conns: 1, why: "it offers no way to log in", unsaid: true},
		"it knows another login":            {server: &post{offers: "STARTTLS\nAUTH XOAUTH2"}, conns: 1, why: "it offers no way to log in", unsaid: true},
		"anybody's certificate":             {distrust: true, conns: 1, why: "its certificate is none for this host", unsaid: true},
		"another host's certificate":        {elsewhere: true, conns: 1, why: "its certificate is none for this host", unsaid: true},
		"anybody's certificate at once":     {kind: "smtps", distrust: true, conns: 1, why: "its certificate is none for this host", unsaid: true},
		"another's certificate at once":     {kind: "smtps", elsewhere: true, conns: 1, why: "its certificate is none for this host", unsaid: true},
		"it talks without end":              {server: &post{answer: to("EHLO", strings.Repeat("250-"+canary+"\r\n", 100_000))}, conns: 3, why: "it broke off", unsaid: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, kind, cert, trusted := tt.server, "smtp", identity, roots
			if p == nil {
				p = &post{}
			}
			if tt.kind != "" {
				kind, p.tlsFirst = tt.kind, true
			}
			if tt.elsewhere {
				cert, trusted = other, otherRoots
			}
			if tt.distrust {
				trusted = nil
			}
			if p.offers == "" {
				p.offers = both
			}
			got := byMail(t, hurried(4), trusted, kind, p.open(t, cert), hostile())
			p.mu.Lock()
			defer p.mu.Unlock()
			if got.Told != tt.told || !strings.Contains(got.Detail, tt.why) || p.conns != tt.conns || tt.told != (len(p.letters) == 1 && tt.why != "it answers 554 to DATA") || len(p.letters) > 1 {
				t.Errorf("%+v, %d connections, came %q", got, p.conns, p.came)
			}
			if clear := strings.Join(p.clear, "\n"); strings.Contains(clear, "AUTH") || strings.Contains(clear, "MAIL") || tt.unsaid && len(p.logins) > 0 {
				t.Errorf("in clear %q, under TLS %q", p.clear, p.came)
			}
		})
	}
}

// TLS where none is spoken is no reason to do without.
func TestAServerWithoutTLSHearsNothing(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	p := &post{offers: both}
	if got := byMail(t, clock.Real(), roots, "smtps", p.open(t, identity), hostile()); got.Told || !strings.Contains(got.Detail, "smtp:// is for STARTTLS") || p.conns != 1 || len(p.logins) > 0 {
		t.Errorf("%+v, %d connections, in clear %q", got, p.conns, p.clear)
	}
}

// hurried is a clock on which telling ends so many times sooner.
func hurried(times time.Duration) clock.Clock {
	c, sleep := clock.Real(), clock.Real().Sleep
	c.Sleep = func(ctx context.Context, d time.Duration) error { return sleep(ctx, d/times) }
	c.After = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d/times, f).Stop }
	return c
}

// A server that is silent, wherever, or slow with each answer, costs no more than the
// rest.
func TestASlowSMTPServerCostsTenSecondsAtTheMost(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	const times = 10
	for name, p := range map[string]*post{
		"at once":      {answer: func(string) string { return "-" }},
		"at AUTH":      {answer: func(line string) string { return map[bool]string{true: "-"}[strings.HasPrefix(line, "AUTH")] }},
		"at the end":   {answer: func(line string) string { return map[bool]string{true: "-"}[line == "."] }},
		"all the time": {pause: tell.Bound / times / 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.offers = both
			address := p.open(t, identity)
			start := time.Now()
			got := byMail(t, hurried(times), roots, "smtp", address, hostile())
			if took := time.Since(start); took > tell.Bound/times*2 || got.Told || got.Detail != "no answer in time" {
				t.Errorf("after %s: %+v", took, got)
			}
			p.note(func() {
				if p.conns < 2 || p.conns > 3 {
					t.Errorf("%d connections", p.conns)
				}
			})
		})
	}
	taken := &post{offers: both, answer: func(line string) string { return map[bool]string{true: "-"}[line == "QUIT"] }}
	if got := byMail(t, hurried(times), roots, "smtp", taken.open(t, identity), hostile()); !got.Told || taken.conns != 1 {
		t.Errorf("silent once it has taken it: %+v, %d connections", got, taken.conns)
	}
}

// Whoever puts a transport in the network's place has all of it: nothing is dialled.
func TestNothingIsDialledBesideATransport(t *testing.T) {
	t.Parallel()
	identity, roots := certificate(t, here)
	p := &post{tlsFirst: true, offers: "AUTH PLAIN"}
	teller := tell.New(tell.Options{Clock: clock.Real(), Roots: roots, Transport: http.NewFileTransport(http.Dir("."))})
	got := teller.Tell(t.Context(), targets(t, "smtps://me:"+canary+"@"+p.open(t, identity)+"/"+people), hostile())
	if p.note(func() {}); got[0].Told || got[0].Detail == "" || p.conns != 0 {
		t.Errorf("%+v, %d connections", got, p.conns)
	}
}

func TestAnSMTPServersURLIsReadAndNotShown(t *testing.T) {
	t.Parallel()
	for setting, name := range map[string]string{
		"smtps://me:" + canary + "@mail.example.com/" + people:                                                        "smtps at mail.example.com",
		"smtp://me@example.com:" + canary + "@mail.example.com:587/from=keys@example.com,to=o+n@example.org,to=b@c.d": "smtp at mail.example.com",
		"smtp://me:" + canary + "@[::1]:2525" + people:                                                                "smtp at ::1",
	} {
		if got := targets(t, setting); len(got) != 1 || got[0].Name() != name || strings.Contains(fmt.Sprintf("%+v %#v", got, got), canary) {
			t.Errorf("%s: %+v", setting, got)
		}
	}
	a, b := targets(t, "smtps://me:a@h.example/"+people)[0], targets(t, "smtps://me:b@h.example/"+people)[0]
	if a.Equal(b) || !a.Equal(a) {
		t.Error("another password is another target")
	}
	const address = "@mail.example.com:465/"
	for setting, field := range map[string]string{
		"smtps:https://example.com/" + canary:                                                               "URL",
		"smtps://me:" + canary + "%zz" + address + people:                                                   "URL",
		"smtps://me:" + canary + "@mail.example.com:x/" + people:                                            "URL",
		"smtps://me:" + canary + address + people + "#x":                                                    "URL",
		"smtps://mail.example.com/" + people:                                                                "user",
		"smtps://:" + canary + address + people:                                                             "user",
		"smtps://" + canary + address + people:                                                              "password",
		"smtp://" + canary + ":" + address + people:                                                         "password",
		"smtps://me:" + canary + "%00" + address + people:                                                   "password",
		"smtps://me:" + canary + "@:465/" + people:                                                          "host",
		"smtps://me:" + canary + "@mail.example.com:0/" + people:                                            "port",
		"smtps://me:" + canary + "@mail.example.com:99999/" + people:                                        "port",
		"smtps://me:" + canary + "@mail.example.com":                                                        "from and to",
		"smtps://me:" + canary + address + "x" + people:                                                     "from and to",
		"smtps://me:" + canary + address + "?to=ops@example.org":                                            "from",
		"smtps://me:" + canary + address + "?from=a@b.c,d@e.f&to=ops@example.org":                           "from",
		"smtps://me:" + canary + address + "?from=keys@example.com":                                         "to",
		"smtps://me:" + canary + address + "?from=keys@example.com&to=ops+night@example.org":                "to",
		"smtps://me:" + canary + address + "?from=keys@example.com&to=ops@example.org%0d%0aBcc:x@y.z":       "to",
		"smtps://me:" + canary + address + "?from=keys@example.com&to=ops@example.org,":                     "to",
		"smtps://me:" + canary + address + "?from=keys@example.com&to=a@b.c" + strings.Repeat(",a@b.c", 10): "to",
		"smtps://me:" + canary + address + people + "&cc=" + canary:                                         "query, which has more than from and to,",
	} {
		got, err := tell.Targets("https://a.example.com/ " + setting)
		if err == nil || strings.Contains(err.Error(), canary) || !strings.HasPrefix(err.Error(), "target 2: its "+field+" (not shown) is not right; want smtps://USER:PASSWORD@HOST:465/?from=") {
			t.Errorf("%s: %v, %v", setting, got, err)
		}
	}
}

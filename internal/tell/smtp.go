package tell

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

const (
	tlsFirst  = "smtps" // TLS from the start
	tlsLater  = "smtp"  // by STARTTLS, which the server must offer
	heardMost = 128 << 10
)

// ports are the kinds of SMTP, each with its usual port.
var ports = map[string]string{tlsFirst: "465", tlsLater: "587"} //nolint:gochecknoglobals // a table, never changed

var (
	errServer  = errors.New("want smtps://USER:PASSWORD@HOST:465/?from=keys@example.com&to=ops@example.com, or smtp://USER:PASSWORD@HOST:587/… where TLS begins with STARTTLS; ten recipients at the most, with commas; signs of a URL's own as %40, a + behind the ? as %2B")
	errNoTLS   = errors.New("it offers no STARTTLS, and nothing is sent without")
	errNoLogin = errors.New("it offers no way to log in that is known here (PLAIN, LOGIN)")
	errTooMuch = errors.New("it says more than anybody reads")
)

// serverAt reads a URL of an SMTP server, with a sender and recipients in its query or,
// as a .env holds it, in its path.
func serverAt(kind, text string) (Target, error) {
	wrong := func(what string) (Target, error) {
		return Target{}, fmt.Errorf("its %s (not shown) is not right; %w", what, errServer)
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return wrong("URL")
	}
	user := u.User.Username()
	password, _ := u.User.Password()
	port := cmp.Or(u.Port(), ports[kind])
	n, err := strconv.ParseUint(port, 10, 16)
	setting := strings.TrimPrefix(u.Path, "/")
	if u.RawQuery != "" {
		setting += "?" + u.RawQuery
	}
	switch {
	case user == "" || strings.ContainsFunc(user, unicode.IsControl):
		return wrong("user")
	case password == "" || strings.ContainsFunc(password, unicode.IsControl):
		return wrong("password")
	case u.Hostname() == "":
		return wrong("host")
	case err != nil || n == 0:
		return wrong("port")
	}
	t := Target{kind: kind, host: u.Hostname(), port: port, url: redact.New(text), user: redact.New(user), password: redact.New(password)}
	values, ok := parts(setting)
	if !ok {
		return wrong("from and to")
	}
	var what string
	if t.from, t.to, what = people(values); what != "" {
		return wrong(what)
	}
	return t, nil
}

// mailBy sends a message as an e-mail through an SMTP server.
func (t *Teller) mailBy(ctx context.Context, to Target, m Message) Result {
	if t.dial == nil {
		return Result{Target: to.Name(), Detail: "there is no network to send it over"}
	}
	text, refused := letter(to.from, to.to, t.clock.Now(), m), ""
	result := t.repeat(ctx, to.Name(), func(ctx context.Context) (why string, again bool) {
		var at string
		var err error
		refused, at, err = t.handOver(ctx, to, text)
		return failure(ctx, at, err)
	})
	if result.Told {
		result.Detail = refused
	}
	return result
}

// failure is what is said of an error: nothing that the server said but the number, since
// its words may be the password. at is what it was said to.
func failure(ctx context.Context, at string, err error) (why string, again bool) {
	if err == nil {
		return "", false
	}
	if answer, is := errors.AsType[*textproto.Error](err); is {
		return fmt.Sprintf("it answers %d to %s", answer.Code, at), answer.Code/100 == 4
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "its certificate is none for this host that is trusted here", false
	}
	if _, is := errors.AsType[tls.RecordHeaderError](err); is {
		return "it does not speak TLS there; smtp:// is for STARTTLS", false
	}
	switch {
	case errors.Is(err, errNoTLS), errors.Is(err, errNoLogin):
		return err.Error(), false
	case ctx.Err() != nil:
		return "no answer in time", true
	}
	return "no connection, or it broke off", true
}

// handOver gives a server an e-mail, once, and closes the connection when ctx ends. The
// password goes over TLS alone, to the host that the URL names. refused says of how many
// recipients the server wants to know nothing, where it took others.
func (t *Teller) handOver(ctx context.Context, to Target, text []byte) (refused, at string, err error) {
	conn, err := t.dial(ctx, "tcp", net.JoinHostPort(to.host, to.port))
	if err != nil {
		return "", "", err
	}
	end := func() { _ = conn.Close() }
	defer end()
	defer context.AfterFunc(ctx, end)()
	var wire net.Conn = &bounded{conn, heardMost}
	secure := &tls.Config{ServerName: to.host, RootCAs: t.roots, MinVersion: tls.VersionTLS12}
	if to.kind == tlsFirst {
		over := tls.Client(wire, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			return "", "", err
		}
		wire = over
	}
	client, err := smtp.NewClient(wire, to.host)
	if err != nil {
		return "", "the connection", err
	}
	// Some servers want no localhost here.
	if err := client.Hello(domain(to.from)); err != nil {
		return "", "EHLO", err
	}
	if to.kind == tlsLater {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return "", "", errNoTLS
		}
		if err := client.StartTLS(secure); err != nil {
			return "", "STARTTLS", err
		}
	}
	auth, err := authOf(client, to)
	if err != nil {
		return "", "", err
	}
	if err := client.Auth(auth); err != nil {
		return "", "AUTH", err
	}
	if err := client.Mail(to.from); err != nil {
		return "", "MAIL", err
	}
	if refused, err = address(ctx, client, to.to); err != nil {
		return "", "RCPT", err
	}
	body, err := client.Data()
	if err != nil {
		return "", "DATA", err
	}
	_, err = body.Write(text)
	if err = errors.Join(err, body.Close()); err != nil {
		return "", "DATA", err
	}
	_ = client.Quit() // it has taken it
	return refused, "", nil
}

// address names the recipients. One whom the server does not know keeps nothing from the
// others.
func address(ctx context.Context, client *smtp.Client, to []string) (refused string, err error) {
	var last error
	n := 0
	for _, person := range to {
		err := client.Rcpt(person)
		if err == nil {
			continue
		}
		if _, is := errors.AsType[*textproto.Error](err); !is {
			return "", err
		}
		last = err
		n++
	}
	switch {
	case n == len(to):
		return "", last
	case n > 0:
		why, _ := failure(ctx, "RCPT", last)
		return fmt.Sprintf("not told to %d of its %d recipients: %s", n, len(to), why), nil
	}
	return "", nil
}

// authOf is how to log in, of what the server offers.
func authOf(client *smtp.Client, to Target) (smtp.Auth, error) {
	_, offered := client.Extension("AUTH")
	for way := range strings.FieldsSeq(strings.ToUpper(offered)) {
		switch way {
		case "PLAIN":
			return smtp.PlainAuth("", to.user.Reveal(), to.password.Reveal(), to.host), nil
		case "LOGIN":
			return &login{answers: []redact.Secret{to.user, to.password}}, nil
		}
	}
	return nil, errNoLogin
}

// login is AUTH LOGIN, which is all that some servers have: they ask for the user, then
// for the password.
type login struct{ answers []redact.Secret }

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errNoTLS
	}
	return "LOGIN", nil, nil
}

func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if len(l.answers) == 0 {
		return nil, errNoLogin
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer.Reveal()), nil
}

// bounded is a connection of which no more is read than that.
type bounded struct {
	net.Conn

	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

package tell_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// post is an SMTP server on this machine, as its fields say.
type post struct {
	tlsFirst bool                // TLS from the start, or after STARTTLS
	offers   string              // its extensions, a line each
	answer   func(string) string // instead of what it says to a line; "": as ever, "-": nothing at all
	pause    time.Duration       // before each answer

	mu      sync.Mutex
	conns   int
	clear   []string // lines before TLS
	came    []string // lines after TLS
	letters []string
	logins  []string // user and password
}

// certificate is one for a name or address, and what trusts it.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{name},
	}
	if ip := net.ParseIP(name); ip != nil {
		leaf.DNSNames, leaf.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// open has the server listen, and gives its address.
func (p *post) open(t *testing.T, identity tls.Certificate) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.note(func() { p.conns++ })
			stop := make(chan struct{})
			all.Go(func() {
				defer close(stop)
				p.talk(conn, &tls.Config{Certificates: []tls.Certificate{identity}, MinVersion: tls.VersionTLS12})
				_ = conn.Close()
			})
			all.Go(func() {
				select {
				case <-stop:
				case <-t.Context().Done(): // before cleanups
					_ = conn.Close()
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return listener.Addr().String()
}

func (p *post) note(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// talk is one dialogue.
func (p *post) talk(conn net.Conn, secure *tls.Config) {
	if p.tlsFirst {
		conn = tls.Server(conn, secure)
	}
	covered := p.tlsFirst
	in := bufio.NewReader(conn)
	say := func(line, usual string) bool {
		time.Sleep(p.pause)
		if p.answer != nil {
			if other := p.answer(line); other != "" {
				usual = other
			}
		}
		if usual == "-" {
			_, _ = in.ReadByte() // until the other end has had enough
			return false
		}
		_, err := conn.Write([]byte(usual + "\r\n"))
		return err == nil
	}
	hear := func() (string, bool) {
		line, err := in.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		p.note(func() {
			if covered {
				p.came = append(p.came, line)
			} else {
				p.clear = append(p.clear, line)
			}
		})
		return line, err == nil
	}
	for going := say("", "220 here"); going; {
		line, ok := hear()
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "EHLO":
			answer := "250-here\r\n"
			for extension := range strings.Lines(p.offers) {
				if extension = strings.TrimSpace(extension); !covered || extension != "STARTTLS" {
					answer += "250-" + extension + "\r\n"
				}
			}
			going = say(line, answer+"250 HELP")
		case "STARTTLS":
			if going = say(line, "220 go on"); going {
				conn = tls.Server(conn, secure)
				in, covered = bufio.NewReader(conn), true
			}
		case "AUTH":
			login := unBase64(strings.TrimPrefix(rest, "PLAIN "))
			if rest == "LOGIN" {
				login = ""
				for _, prompt := range []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"} {
					say(line, "334 "+prompt)
					answer, _ := hear()
					login += "\x00" + unBase64(answer)
				}
				line = "AUTH LOGIN done"
			}
			p.note(func() { p.logins = append(p.logins, login) })
			going = say(line, "235 welcome")
		case "DATA":
			if going = say(line, "354 go on"); going {
				text := ""
				for line, ok := hear(); ok && line != "."; line, ok = hear() {
					text += strings.TrimPrefix(line, ".") + "\r\n"
				}
				p.note(func() { p.letters = append(p.letters, text) })
				going = say(".", "250 taken")
			}
		case "QUIT":
			say(line, "221 bye")
			return
		default:
			going = say(line, "250 well")
		}
	}
}

func unBase64(text string) string {
	out, _ := base64.StdEncoding.DecodeString(text)
	return string(out)
}

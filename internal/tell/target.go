package tell

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

// Target is where to tell: a kind, and a URL that its owner can write to.
type Target struct {
	kind string
	host string
	url  redact.Secret
	from string   // of an e-mail
	to   []string // and its recipients

	port           string // of an SMTP server
	user, password redact.Secret
}

// Name says which it is, without what must not be known.
func (t Target) Name() string { return t.kind + " at " + t.host }

// Equal tells whether two are the same.
func (t Target) Equal(other Target) bool {
	return t.kind == other.kind && t.host == other.host && t.url.Equal(other.url) && t.from == other.from && slices.Equal(t.to, other.to)
}

// webhook is a target of the reader's own.
const webhook = "webhook"

// kinds are the targets whose form is known, each with how it wants a message.
var kinds = map[string]func(Message) request{ //nolint:gochecknoglobals // a table, never changed
	webhook: func(m Message) request {
		return jsonOf(map[string]any{"title": m.Title, "lines": orNone(m.Lines), "foot": m.Foot, "failed": m.Failed, "run": m.Data})
	},
	"slack": func(m Message) request {
		return jsonOf(map[string]any{"text": fold(m, slackText), "unfurl_links": false})
	},
	"mattermost": func(m Message) request { return jsonOf(map[string]any{"text": fold(m, markdown)}) },
	"discord": func(m Message) request {
		return jsonOf(map[string]any{"content": first(fold(m, markdown), 2000), "allowed_mentions": map[string]any{"parse": []string{}}})
	},
	"teams": func(m Message) request {
		return jsonOf(map[string]any{"type": "message", "attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive",
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
				"body": []any{map[string]any{"type": "TextBlock", "wrap": true, "text": strings.ReplaceAll(fold(m, markdown), "\n", "\n\n")}},
			},
		}}})
	},
	"telegram": func(m Message) request { // without a parse_mode, it shows text as it is
		return jsonOf(map[string]any{"text": first(m.Text(), 4096), "link_preview_options": map[string]any{"is_disabled": true}})
	},
	"gotify": func(m Message) request {
		return jsonOf(map[string]any{"title": m.Title, "message": strings.Join(append(slices.Clone(m.Lines), m.Foot), "\n"), "priority": map[bool]int{true: 8, false: 4}[m.Failed]})
	},
	"ntfy": func(m Message) request {
		r := request{kind: plain, body: []byte(m.Text()), header: map[string]string{"Tags": "key"}}
		if m.Failed {
			r.header["Priority"], r.header["Tags"] = "high", "rotating_light"
		}
		return r
	},
}

// Kinds are the words that may stand before a URL.
func Kinds() []string {
	var out []string
	for kind := range kinds {
		if kind != webhook {
			out = append(out, kind)
		}
	}
	out = append(out, mailKind, tlsFirst, tlsLater)
	slices.Sort(out)
	return out
}

func (t Target) request(m Message) request { return kinds[t.kind](m) }

func jsonOf(v any) request { return request{kind: "application/json", body: encoded(v)} }

func orNone(lines []string) []string {
	if lines == nil {
		return []string{}
	}
	return lines
}

// fold writes a message with all its parts made harmless for a target's markup:
// a name is never a link, a mention or a heading.
func fold(m Message, harmless func(string) string) string {
	lines := []string{harmless(m.Title)}
	for _, line := range m.Lines {
		lines = append(lines, harmless(line))
	}
	return strings.Join(append(lines, harmless(m.Foot)), "\n")
}

// slackText escapes the three signs that Slack reads.
func slackText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// markdown escapes what Markdown reads, and takes the meaning from mentions.
func markdown(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r == '@':
			out.WriteString("(at)")
		case strings.ContainsRune("\\`*_{}[]()<>#+|~!", r):
			out.WriteRune('\\')
			out.WriteRune(r)
		default:
			out.WriteRune(r)
		}
	}
	// Addresses become links by themselves.
	return strings.NewReplacer("://", ":\\//", "www.", "www\\.").Replace(out.String())
}

// first is the beginning of a text, on a whole character.
func first(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// Targets reads a setting: URLs separated by spaces, each with its kind in front
// of it, or none for a webhook of the reader's own. Errors say which, and show none.
func Targets(setting string) ([]Target, error) {
	var out []Target
	for i, text := range strings.Fields(setting) {
		kind, address, found := strings.Cut(text, ":")
		if !found || kind == "https" || kind == "http" {
			kind, address = webhook, text
		}
		if kind == mailKind {
			target, ok := mailTo(address)
			if !ok {
				return nil, fmt.Errorf("target %d: %w", i+1, errMail)
			}
			out = append(out, target)
			continue
		}
		if ports[kind] != "" {
			target, err := serverAt(kind, text)
			if err != nil {
				return nil, fmt.Errorf("target %d: %w", i+1, err)
			}
			out = append(out, target)
			continue
		}
		if kinds[kind] == nil || kind == webhook && address != text {
			return nil, fmt.Errorf("target %d: its kind is not known; %w (%s)", i+1, errTarget, strings.Join(Kinds(), ", "))
		}
		host, ok := usable(address)
		if !ok {
			return nil, fmt.Errorf("target %d: is no https URL; %w (%s)", i+1, errTarget, strings.Join(Kinds(), ", "))
		}
		out = append(out, Target{kind: kind, host: host, url: redact.New(address)})
	}
	return out, nil
}

// Heartbeat is where a run says that it came.
type Heartbeat struct {
	host string
	url  redact.Secret
}

// Equal tells whether two are the same.
func (h Heartbeat) Equal(other Heartbeat) bool { return h.host == other.host && h.url.Equal(other.url) }

// Set tells whether there is one.
func (h Heartbeat) Set() bool { return !h.url.Empty() }

// Pulse is what is said to a heartbeat: the end of its URL.
type Pulse string

// Pulses.
const (
	Started Pulse = "/start"
	Ended   Pulse = ""
	Failed  Pulse = "/fail"
)

// HeartbeatAt reads a setting: one URL, without a query.
func HeartbeatAt(setting string) (Heartbeat, error) {
	host, ok := usable(setting)
	if !ok || strings.ContainsAny(setting, "?# ") {
		return Heartbeat{}, fmt.Errorf("%w: one https URL, without a query", errHeartbeat)
	}
	return Heartbeat{host, redact.New(setting)}, nil
}

// usable tells whether a URL is one to send a secret to.
func usable(address string) (host string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return "", false
	}
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	return u.Hostname(), u.Scheme == "https" || u.Scheme == "http" && local
}

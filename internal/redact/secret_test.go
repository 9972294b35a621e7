package redact_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/scw-key-rotator/rotator/internal/redact"
)

const canary = "canary-2f6e"

func TestSecretPrintsAsPlaceholderByEveryRoute(t *testing.T) {
	t.Parallel()
	type exported struct{ Key redact.Secret }
	type hidden struct{ key redact.Secret }
	s := redact.New(canary)
	values := map[string]any{
		"itself": s, "pointer": &s, "exported field": exported{s}, "hidden field": hidden{s},
		"slice": []redact.Secret{s}, "map": map[string]redact.Secret{"k": s}, "nested": []any{hidden{s}, &exported{s}},
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%U", "%e", "%p", "%c", "%08.3v"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			fmt.Fprintln(&out, v, errors.Join(fmt.Errorf("wrapped: %v", v)))
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
			asJSON, _ := json.Marshal(v)
			out.Write(asJSON)
			asXML, _ := xml.Marshal(v)
			out.Write(asXML)
			_ = gob.NewEncoder(&out).Encode(v)
			_ = template.Must(template.New("").Parse("{{.}}")).Execute(&out, v)
			for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
				if strings.Contains(out.String(), form) {
					t.Errorf("the secret got out as %q in:\n%s", form, out.String())
				}
			}
		})
	}
}

func TestSecretKeepsItsValue(t *testing.T) {
	t.Parallel()
	var s redact.Secret
	if !s.Empty() || s.Reveal() != "" {
		t.Error("the zero Secret is not empty")
	}
	if err := s.UnmarshalText([]byte(canary)); err != nil || s.Reveal() != canary {
		t.Errorf("UnmarshalText: got %v, value kept: %t", err, s.Reveal() == canary)
	}
	if !s.Equal(redact.New(canary)) || s.Equal(redact.New("other")) || s.Equal(redact.Secret{}) {
		t.Error("Equal does not compare values")
	}
	var text string
	if asJSON, err := json.Marshal(s); err != nil || json.Unmarshal(asJSON, &text) != nil || text != redact.Placeholder {
		t.Errorf("JSON is %s, %v", asJSON, err)
	}
}

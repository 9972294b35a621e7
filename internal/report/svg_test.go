package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// pictured is a report with a name that would be markup.
func pictured() *report.Report {
	now := time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)
	dies := now.AddDate(0, 0, 60)
	return &report.Report{StartedAt: now, FinishedAt: now, Applications: []report.Application{{
		Name: `<script>&"x"`, InScope: true,
		Keys: []report.Key{
			{AccessKey: "SCWOLD", State: "current", CreatedAt: now.AddDate(0, 0, -31), ExpiresAt: &dies},
			{AccessKey: "SCWNEW", State: "current", CreatedAt: now},
		},
		Next: []report.Event{{At: now, Kind: "rotate", What: "SCWOLD"}, {At: now.AddDate(0, 0, 7), Kind: "delete", What: "SCWOLD"}},
	}}}
}

// A picture stands alone: it is well-formed, loads nothing, and shows names as text.
func TestThePictureOfTheKeysStandsAlone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := pictured().SVG(&out); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for d := xml.NewDecoder(bytes.NewReader(out.Bytes())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, out.String())
		}
		if element, is := token.(xml.StartElement); is {
			count[element.Name.Local]++
			for _, a := range element.Attr {
				if strings.Contains(a.Name.Local, "href") || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("<%s> has %s=%q", element.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
	if count["script"]+count["image"]+count["use"]+count["foreignObject"] > 0 || !strings.Contains(out.String(), "&lt;script&gt;") {
		t.Errorf("%v:\n%s", count, out.String())
	}
	if count["rect"] < 5 || strings.Count(out.String(), "SCWOLD of ") != 1 {
		t.Errorf("two bars, the one with what comes after it, and the legend's: %v", count)
	}
}

// As text, a key that is current and will be deleted ends in a ×, and not as one that
// expires.
func TestStripsShowHowAKeyEnds(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := pictured().Strips(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := "             ├─────────◆──×" // the new one is drawn over the old one's grace
	if len(lines) != 3 || !strings.Contains(lines[2], "×") || strings.Contains(lines[2], "┤") || !strings.HasPrefix(lines[0], "─ current") {
		t.Errorf("want something like %s:\n%s", want, out.String())
	}
}

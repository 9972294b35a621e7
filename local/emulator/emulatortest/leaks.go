package emulatortest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Secrets are values that must not get out, each with whose it is.
type Secrets map[string]string

// Learn adds every secret that the emulator knows: call it before a run, for
// what the run deletes, and after it, for what it makes. Keys are known for ever.
func (s Secrets) Learn(e *emulator.Emulator) { maps.Copy(s, e.Secrets()) }

// Leaks returns where a secret stands in one of the texts, in whatever form:
// plain, without its dashes, in hex, in base64 of either alphabet at each of the
// three alignments, escaped as in JSON or in a URL. Letters of either case count.
func (s Secrets) Leaks(texts ...string) (found []string) {
	// Needles by their first eight bytes, so that a text is read once.
	type needle struct{ text, what string }
	needles := map[uint64][]needle{}
	for value, whose := range s {
		for form, text := range forms(value) {
			if text = strings.ToLower(text); len(text) >= 8 {
				head := binary.LittleEndian.Uint64([]byte(text[:8]))
				needles[head] = append(needles[head], needle{text, whose + ", " + form})
			}
		}
	}
	var heads [1 << 16]bool // which have a needle, by a few of their bits
	short := func(head uint64) uint16 { return uint16((head ^ head>>19 ^ head>>41) & 0xffff) }
	for head := range needles {
		heads[short(head)] = true
	}
	for _, text := range texts {
		text = strings.ToLower(text)
		var head uint64
		for i := range len(text) {
			head = head>>8 | uint64(text[i])<<56
			if i < 7 || !heads[short(head)] {
				continue
			}
			for _, n := range needles[head] {
				if strings.HasPrefix(text[i-7:], n.text) {
					found = append(found, n.what)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func forms(value string) map[string]string {
	quoted, _ := json.Marshal(value) //nolint:errchkjson // a string always encodes
	out := map[string]string{
		"plain":          value,
		"JSON":           strings.Trim(string(quoted), `"`),
		"JSON, \\u":      escaped(value),
		"URL":            url.QueryEscape(value),
		"hex":            hex.EncodeToString([]byte(value)),
		"without dashes": strings.ReplaceAll(value, "-", ""),
	}
	for shift := range 3 {
		// The first and last digits depend on what stands beside the secret.
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "URL base64": base64.RawURLEncoding} {
			text := alphabet.EncodeToString([]byte(strings.Repeat("x", shift) + value))
			out[fmt.Sprintf("%s, shifted by %d", name, shift)] = text[[]int{0, 2, 3}[shift] : len(text)-2]
		}
	}
	return out
}

func escaped(value string) string {
	var b strings.Builder
	for _, r := range value {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

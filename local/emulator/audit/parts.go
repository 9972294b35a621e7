package audit

import (
	"encoding/base64"
	"strings"
)

// part is the half of a key that a value is, or the secret key that is in it
// somewhere; the zero value if there is none.
func (k *consumers) part(value string) keyPart {
	if part, is := k.parts[value]; is || len(value) <= secretLength {
		return part
	}
	for secret, part := range k.parts {
		if part.secret && within(value, secret) {
			return part
		}
	}
	return keyPart{}
}

// secretLength is that of a secret key: no shorter text holds one.
const secretLength = len("11111111-2222-4333-8444-555555555555")

// within tells whether a text is a secret key, or has it somewhere, in base64
// too.
func within(text, secret string) bool {
	if text == secret || len(text) <= secretLength {
		return text == secret
	}
	return strings.Contains(text, secret) || strings.Contains(decoded(text), secret)
}

func decoded(text string) string {
	plain, _ := base64.StdEncoding.DecodeString(text) // what there is of it
	return string(plain)
}

// around is what a value holds beside a key.
func (k *consumers) around(value string, part keyPart) string {
	text := value
	if plain := decoded(value); plain != "" && !strings.Contains(value, part.access) && k.part(plain) == part {
		text = "base64 " + plain
	}
	for half, p := range k.parts {
		if p.access == part.access && half != "" {
			text = strings.ReplaceAll(text, half, map[bool]string{true: "<secret>", false: "<access>"}[p.secret])
		}
	}
	return text
}

// runsWith tells whether a line of a revision's environment has a secret key.
func runsWith(line, secret string) bool {
	_, value, _ := strings.Cut(line, "=")
	return within(value, secret)
}

package printable

import "regexp"

var uuid = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// Unkeyed is text that a caller sent, without what may be a secret key: those
// are UUIDs, as IDs are, and people paste one in the place of the other.
func Unkeyed(text string) string { return uuid.ReplaceAllString(text, "(a UUID, not shown)") }

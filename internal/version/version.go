// Package version says which release this is: in reports, logs, command lines,
// and to whoever the function calls.
package version

// Version is the release, as CHANGELOG.md has it.
const Version = "1.0.0"

// UserAgent is what requests of the function say that they come from.
const UserAgent = "scw-key-rotator/" + Version

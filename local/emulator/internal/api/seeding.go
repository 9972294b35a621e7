package api

import (
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// FoundingAge is how long ago the organization came to be.
const FoundingAge = 3 * 365 * 24 * time.Hour

// Seeding is the loading of one seed: all that it makes is dated from one
// moment.
type Seeding struct {
	*Base
	Now time.Time
}

// Since is so long ago; 0 is as old as the organization.
func (s Seeding) Since(age time.Duration) wire.Stamp {
	if age == 0 {
		age = FoundingAge
	}
	return wire.At(s.Now.Add(-age))
}

// IDOr is the id that a seed gives, or a new one. known tells whether
// something has that id already.
func (s Seeding) IDOr(id string, known bool) (string, error) {
	switch {
	case id == "":
		return s.Mint.UUID(), nil
	case !wire.IsUUID(id):
		return "", fmt.Errorf("id: want a UUID in lower case, not %q", id)
	case known:
		return "", fmt.Errorf("id: %s is taken", id)
	}
	return id, nil
}

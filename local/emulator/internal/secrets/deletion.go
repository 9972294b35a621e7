package secrets

import "github.com/scw-key-rotator/rotator/local/emulator/internal/wire"

// usable refuses to change a secret that is being deleted (A61).
func (s *Secret) usable() error {
	if !s.DeletionRequestedAt.IsNull() {
		return wire.Precondition("resource_not_usable", "the secret is scheduled for deletion")
	}
	return nil
}

// protectSecret leaves updated_at alone (recorded for unprotect).
func protectSecret(protected bool) func(c *call, s *Secret) (any, error) {
	return func(_ *call, s *Secret) (any, error) {
		if err := s.usable(); err != nil {
			return nil, err
		}
		s.Protected = protected
		return s, nil
	}
}

// deleteSecret only schedules the erasure: GET still answers 200, and the list
// hides it. A secret with an ephemeral policy and no version is gone at once
// (docs/scaleway.md, Secrets and versions).
func deleteSecret(c *call) (any, error) {
	state, s, err := c.secret()
	if s == nil {
		if state != nil && c.Settings.Answers.SecondDeleteOK && state.gone[c.Request.PathValue("id")] {
			return nil, nil
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	switch {
	case s.Protected:
		return nil, wire.Precondition("protected_resource", "cannot delete a protected secret")
	case !s.DeletionRequestedAt.IsNull():
		if c.Settings.Answers.SecondDeleteOK {
			return nil, nil
		}
		return nil, s.usable()
	case s.EphemeralPolicy != nil && len(s.Versions) == 0:
		state.erase(s)
		return nil, nil
	}
	s.DeletionRequestedAt = wire.At(c.Now)
	s.UpdatedAt = s.DeletionRequestedAt
	return nil, nil
}

func restoreSecret(c *call, s *Secret) (any, error) {
	if s.DeletionRequestedAt.IsNull() {
		return nil, wire.Precondition("resource_not_usable", "the secret is not scheduled for deletion")
	}
	if err := c.secretNameFree(c.secretsIn(c.Region), s); err != nil {
		return nil, err
	}
	s.DeletionRequestedAt = wire.Stamp{}
	s.UpdatedAt = wire.At(c.Now)
	return s, nil
}

func (state *regional) erase(s *Secret) {
	state.rows.Remove(s.ID)
	state.gone[s.ID] = true
}

package secrets

import (
	"encoding/base64"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Version is one revision of a secret.
type Version struct {
	Revision            int                  `json:"revision"`
	SecretID            string               `json:"secret_id"`
	Status              string               `json:"status"`
	CreatedAt           wire.Stamp           `json:"created_at"`
	UpdatedAt           wire.Stamp           `json:"updated_at"`
	DeletedAt           wire.Stamp           `json:"deleted_at"`
	Description         string               `json:"description"`
	Latest              bool                 `json:"latest"` // the highest number, whatever its status
	EphemeralProperties *ephemeralProperties `json:"ephemeral_properties"`
	DeletionRequestedAt wire.Stamp           `json:"deletion_requested_at"`
	Region              string               `json:"region"`

	Data []byte  `json:"-"`
	crc  *uint32 // as given at creation
}

const (
	VersionEnabled   = "enabled"
	VersionDisabled  = "disabled"
	versionScheduled = "scheduled_for_deletion"
	versionDeleted   = "deleted"
)

func (m *Secrets) routeVersions(mux *http.ServeMux) {
	const base = root + "/secrets/{id}/versions"
	m.handle(mux, "GET "+base, permission.ReadSecret, withSecret(listVersions))
	m.handle(mux, "POST "+base, permission.CreateVersion, withSecret(createVersion))
	m.handle(mux, "GET "+base+"/{revision}", permission.ReadSecret, withVersion(getVersion))
	m.handle(mux, "PATCH "+base+"/{revision}", permission.WriteVersion, withVersion(updateVersion))
	m.handle(mux, "DELETE "+base+"/{revision}", permission.DeleteVersion, withVersion(deleteVersion))
	m.handle(mux, "GET "+base+"/{revision}/access", permission.AccessVersion, withVersion(accessVersion))
	m.handle(mux, "POST "+base+"/{revision}/enable", permission.WriteVersion, withVersion(switchVersion(VersionDisabled, VersionEnabled)))
	m.handle(mux, "POST "+base+"/{revision}/disable", permission.WriteVersion, withVersion(switchVersion(VersionEnabled, VersionDisabled)))
	m.handle(mux, "POST "+base+"/{revision}/restore", permission.WriteVersion, withVersion(restoreVersion))
	m.handle(mux, "GET "+root+"/secrets-by-path/versions/{revision}/access", permission.AccessVersion, accessByPath)
}

// withVersion makes an endpoint of what serves the version that the path
// names.
func withVersion(serve func(c *call, s *Secret, v *Version) (any, error)) func(*call) (any, error) {
	return withSecret(func(c *call, s *Secret) (any, error) {
		v, err := s.version(c.Request.PathValue("revision"))
		if err != nil {
			return nil, err
		}
		return serve(c, s, v)
	})
}

// version finds one by number, latest or latest_enabled. The latest is the
// newest, even if it is being deleted (docs/scaleway.md, Secrets and versions).
// How the 404 of an unknown revision names it was never recorded (A63).
func (s *Secret) version(revision string) (*Version, error) {
	switch revision {
	case "latest":
		if n := len(s.Versions); n > 0 {
			return s.Versions[n-1], nil
		}
	case "latest_enabled":
		for _, v := range slices.Backward(s.Versions) {
			if v.Status == VersionEnabled {
				return v, nil
			}
		}
	default:
		n, err := strconv.Atoi(revision)
		if err != nil {
			return nil, wire.Invalid("revision", "format", "must be a number, latest or latest_enabled")
		}
		if n >= 1 && n <= len(s.Versions) {
			return s.Versions[n-1], nil
		}
	}
	return nil, wire.NotFound("secret_version", s.ID+"/"+revision)
}

// listVersions has no order_by: the newest comes first.
func listVersions(c *call, s *Secret) (any, error) {
	rows := []any{}
	for _, v := range slices.Backward(s.Versions) {
		if c.Passes("status", v.Status) {
			rows = append(rows, v)
		}
	}
	return c.List("versions", rows, api.ProductPaging)
}

// createVersion leaves the previous version enabled, unless told otherwise,
// and the secret's updated_at alone (docs/scaleway.md, Secrets and versions).
func createVersion(c *call, s *Secret) (any, error) {
	var in struct {
		Data            *string `json:"data"`
		Description     string  `json:"description"`
		DisablePrevious bool    `json:"disable_previous"`
		DataCRC32       *uint32 `json:"data_crc32"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	if in.Data == nil {
		return nil, wire.Invalid("data", "required", "data is required")
	}
	data, err := base64.StdEncoding.DecodeString(*in.Data)
	if err != nil {
		return nil, wire.Invalid("data", "format", "must be base64")
	}
	if err := s.checkPayload(data); err != nil {
		return nil, err
	}
	if in.DataCRC32 != nil && *in.DataCRC32 != crc32.ChecksumIEEE(data) {
		return nil, wire.Invalid("data_crc32", "constraint", "does not match the data")
	}
	if have, most := s.kept(), c.Settings.Quotas.VersionsPerSecret; have >= most {
		return nil, wire.QuotaExceeded("secret_versions", most, have)
	}
	if n := len(s.Versions); n > 0 {
		previous := s.Versions[n-1]
		previous.Latest = false
		if in.DisablePrevious && previous.Status == VersionEnabled {
			previous.Status, previous.UpdatedAt = VersionDisabled, wire.At(c.Now)
		}
	}
	v := &Version{
		Revision: len(s.Versions) + 1, SecretID: s.ID, Status: VersionEnabled, CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now),
		Description: in.Description, Latest: true, EphemeralProperties: s.EphemeralPolicy.properties(c.Now),
		Region: s.Region, Data: data, crc: in.DataCRC32,
	}
	s.Versions = append(s.Versions, v)
	s.VersionCount = len(s.Versions)
	return v, nil
}

// kept counts the versions that weigh on the quota: neither deleted nor on
// their way to be (A64).
func (s *Secret) kept() int {
	n := 0
	for _, v := range s.Versions {
		if v.Status == VersionEnabled || v.Status == VersionDisabled {
			n++
		}
	}
	return n
}

func getVersion(_ *call, _ *Secret, v *Version) (any, error) { return v, nil }

func updateVersion(c *call, s *Secret, v *Version) (any, error) {
	var in struct {
		Description         *string `json:"description"`
		EphemeralProperties *struct {
			ExpiresAt           *time.Time `json:"expires_at"`
			ExpiresOnceAccessed bool       `json:"expires_once_accessed"`
			Action              string     `json:"action"`
		} `json:"ephemeral_properties"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	wire.Set(&v.Description, in.Description)
	if p := in.EphemeralProperties; p != nil {
		v.EphemeralProperties = &ephemeralProperties{
			ExpiresAt: wire.Given(p.ExpiresAt), ExpiresOnceAccessed: p.ExpiresOnceAccessed, Action: p.Action,
		}
	}
	v.UpdatedAt = wire.At(c.Now)
	return v, nil
}

// deleteVersion is soft: the version stays listed, still the latest if it was,
// and its updated_at does not move (recorded). A second DELETE is a 412 unless
// A03 says otherwise.
func deleteVersion(c *call, _ *Secret, v *Version) (any, error) {
	if v.Status == versionScheduled || v.Status == versionDeleted {
		if c.Settings.Answers.SecondDeleteOK {
			return nil, nil
		}
		return nil, v.unusable()
	}
	v.Status, v.DeletionRequestedAt = versionScheduled, wire.At(c.Now)
	return nil, nil
}

func (v *Version) unusable() error {
	return wire.Precondition("resource_not_usable", "the version is "+v.Status)
}

// accessVersion refuses what is not enabled with a 412; which error it is was
// never recorded (A65).
func accessVersion(c *call, s *Secret, v *Version) (any, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if v.Status != VersionEnabled && (v.Status != VersionDisabled || !c.Settings.Answers.ReadDisabled) {
		return nil, v.unusable()
	}
	answer := wire.Object{
		"secret_id": s.ID, "revision": v.Revision, "data": base64.StdEncoding.EncodeToString(v.Data),
		"data_crc32": v.crc, "type": s.Type,
	}
	if p := v.EphemeralProperties; p != nil && p.ExpiresOnceAccessed {
		v.expire(wire.At(c.Now))
	}
	return answer, nil
}

func accessByPath(c *call) (any, error) {
	state, err := c.secretsOf()
	if err != nil {
		return nil, err
	}
	q := c.Request.URL.Query()
	project := q.Get("project_id")
	found := state.rows.All(func(s *Secret) bool {
		return s.ProjectID == project && s.Path == cleanPath(q.Get("secret_path")) && s.Name == q.Get("secret_name") &&
			s.DeletionRequestedAt.IsNull()
	})
	if len(found) == 0 {
		if err := c.AuthorizeOn(project, "", fullName(q.Get("secret_path"), q.Get("secret_name"))); err != nil {
			return nil, err
		}
		return nil, wire.NotFound("secret", q.Get("secret_name"))
	}
	s := found[0]
	if err := c.AuthorizeOn(s.ProjectID, s.ID, s.fullName()); err != nil {
		return nil, err
	}
	v, err := s.version(c.Request.PathValue("revision"))
	if err != nil {
		return nil, err
	}
	return accessVersion(c, s, v)
}

// switchVersion makes enable and disable: what is there already stays as it
// is, what is being deleted is refused (A66).
func switchVersion(from, to string) func(c *call, s *Secret, v *Version) (any, error) {
	return func(c *call, s *Secret, v *Version) (any, error) {
		if err := s.usable(); err != nil {
			return nil, err
		}
		switch v.Status {
		case from:
			v.Status, v.UpdatedAt = to, wire.At(c.Now)
		case to:
		default:
			return nil, v.unusable()
		}
		return v, nil
	}
}

// restoreVersion brings a version back enabled, as it most likely was (A66).
func restoreVersion(c *call, s *Secret, v *Version) (any, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if v.Status != versionScheduled {
		return nil, v.unusable()
	}
	v.Status, v.DeletionRequestedAt, v.UpdatedAt = VersionEnabled, wire.Stamp{}, wire.At(c.Now)
	return v, nil
}

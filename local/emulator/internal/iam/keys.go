package iam

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Key is a key pair of an application or a user. It has no id: the access
// key identifies it.
type Key struct {
	AccessKey        string     `json:"access_key"`
	SecretKey        *string    `json:"secret_key"` // set on the answer to its creation only
	Description      string     `json:"description"`
	CreatedAt        wire.Stamp `json:"created_at"`
	UpdatedAt        wire.Stamp `json:"updated_at"`
	ExpiresAt        wire.Stamp `json:"expires_at"`
	DefaultProjectID string     `json:"default_project_id"`
	Editable         bool       `json:"editable"`
	Deletable        bool       `json:"deletable"`
	Managed          bool       `json:"managed"`
	CreationIP       string     `json:"creation_ip"`
	ApplicationID    string     `json:"application_id,omitempty"` // one of the two
	UserID           string     `json:"user_id,omitempty"`

	Secret string `json:"-"`
}

func (k *Key) bearer() string { return k.ApplicationID + k.UserID }

func (k *Key) bearerType() string {
	if k.UserID != "" {
		return "user"
	}
	return "application"
}

// Expired tells whether the key opens nothing any more.
func (k *Key) Expired(now time.Time) bool { return k.ExpiresAt.Due(now) }

func (s *IAM) keyBySecret(secret string) *Key { return s.bySecret[secret] }

func (s *IAM) addKey(k *Key) {
	s.keys.Put(k.AccessKey, k)
	s.bySecret[k.Secret] = k
	s.everSecret[k.Secret] = k.AccessKey
}

func (s *IAM) removeKey(k *Key, now time.Time) {
	s.keys.Remove(k.AccessKey)
	delete(s.bySecret, k.Secret)
	s.gone[k.AccessKey] = true
	s.dead[k.Secret] = deadKey{k, now}
}

// deadKey is a key that was deleted, and when.
type deadKey struct {
	key  *Key
	when time.Time
}

// lingering is the key with that secret, if it was deleted less than lag ago:
// caches know it still. Lists and reads do not (A81).
func (s *IAM) lingering(secret string, lag time.Duration, now time.Time) *Key {
	if d, known := s.dead[secret]; known && now.Sub(d.when) < lag {
		return d.key
	}
	return nil
}

func (s *IAM) routeKeys(mux *http.ServeMux) {
	const base = root + "/api-keys"
	s.handle(mux, "GET "+base, permission.ReadKey, listKeys)
	s.handle(mux, "POST "+base, permission.CreateKey, createKey)
	s.handle(mux, "GET "+base+"/{access_key}", permission.ReadKey, getKey)
	s.handle(mux, "PATCH "+base+"/{access_key}", permission.WriteKey, updateKey)
	s.handle(mux, "DELETE "+base+"/{access_key}", permission.DeleteKey, deleteKey)
}

// listKeys lists expired keys too, unless told otherwise (A13).
func listKeys(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	rows := c.iam.keys.All(func(k *Key) bool {
		return c.Passes("bearer_id", k.bearer()) && c.Passes("bearer_type", k.bearerType()) &&
			c.Passes("application_id", k.ApplicationID) && c.Passes("user_id", k.UserID) &&
			c.Passes("access_keys", k.AccessKey) && c.Passes("access_key", k.AccessKey) &&
			c.Passes("description", k.Description) &&
			c.PassesBool("editable", k.Editable) && c.PassesBool("expired", k.Expired(c.Now))
	})
	rows = api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *Key) int{
		"created_at": wire.ByTime(func(k *Key) wire.Stamp { return k.CreatedAt }),
		"updated_at": wire.ByTime(func(k *Key) wire.Stamp { return k.UpdatedAt }),
		"expires_at": wire.ByTime(func(k *Key) wire.Stamp { return k.ExpiresAt }),
		"access_key": wire.ByText(func(k *Key) string { return k.AccessKey }),
	})
	return c.List("api_keys", wire.Views(rows, func(k *Key) any { return k }), api.IAMPaging)
}

func createKey(c *call) (any, error) {
	var in struct {
		ApplicationID    string     `json:"application_id"`
		UserID           string     `json:"user_id"`
		ExpiresAt        *time.Time `json:"expires_at"`
		DefaultProjectID string     `json:"default_project_id"`
		Description      string     `json:"description"`
	}
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	key := &Key{
		Description: in.Description, CreatedAt: wire.At(c.Now), UpdatedAt: wire.At(c.Now), ExpiresAt: wire.Given(in.ExpiresAt),
		DefaultProjectID: in.DefaultProjectID, Editable: true, Deletable: true, CreationIP: c.Address(),
		ApplicationID: in.ApplicationID, UserID: in.UserID,
	}
	if key.DefaultProjectID == "" {
		key.DefaultProjectID = c.iam.projects.Default()
	}
	if err := c.checkKey(key); err != nil {
		return nil, err
	}
	mint := c.Mint.For("key of " + key.ApplicationID + key.UserID)
	key.AccessKey, key.Secret = mint.AccessKey(), mint.UUID()
	c.iam.addKey(key)
	shown := *key
	shown.SecretKey = &key.Secret
	return &shown, nil
}

func (c *call) checkKey(k *Key) error {
	switch {
	case (k.ApplicationID == "") == (k.UserID == ""):
		return wire.Invalid("bearer", "required", "exactly one of application_id and user_id must be set")
	case utf8.RuneCountInString(k.Description) > api.DescriptionLimit:
		return wire.Invalid("description", "constraint", "must be at most "+strconv.Itoa(api.DescriptionLimit)+" characters")
	case k.ApplicationID != "" && c.iam.applications.Get(k.ApplicationID) == nil:
		return wire.NotFound("application", k.ApplicationID)
	case k.UserID != "" && c.iam.users.Get(k.UserID) == nil:
		return wire.NotFound("user", k.UserID)
	case !c.iam.projects.Has(k.DefaultProjectID):
		return wire.NotFound("project_id", k.DefaultProjectID)
	}
	if a := c.iam.applications.Get(k.ApplicationID); a != nil && !a.Editable {
		return c.Forbidden()
	}
	if err := c.checkExpiry(k.ExpiresAt); err != nil {
		return err
	}
	// What the quota is, and what it says, is not known (A19).
	if have, most := len(c.iam.KeysOf(k.bearer())), c.Settings.Quotas.KeysPerApplication; have >= most {
		return wire.QuotaExceeded(quotaKeys, most, have)
	}
	everybodys := c.iam.keys.All(func(*Key) bool { return true })
	return roomFor(quotaKeys, len(everybodys), c.Settings.Quotas.KeysPerOrganization) // A83
}

// checkExpiry holds a new key against the organization's cap
// (docs/scaleway.md, Security settings). What the API answers is assumed: a key
// beyond the cap, and one without an expiry, are refused (A14).
func (c *call) checkExpiry(expires wire.Stamp) error {
	most := time.Duration(c.iam.settings.MaxKeyLife)
	switch {
	case expires.Due(c.Now):
		return wire.Invalid("expires_at", "constraint", "must be in the future")
	case most == 0:
		return nil
	case expires.IsNull():
		return wire.Invalid("expires_at", "required", "the organization requires API keys to expire within "+wire.Seconds(most).String())
	case expires.Time.After(wire.At(c.Now.Add(most)).Time): // both rounded
		return wire.Invalid("expires_at", "constraint", "the organization requires API keys to expire within "+wire.Seconds(most).String())
	}
	return nil
}

// key finds the one that the path names.
func (c *call) key() (*Key, error) {
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	accessKey := c.Request.PathValue("access_key")
	if key := c.iam.keys.Get(accessKey); key != nil {
		return key, nil
	}
	return nil, wire.NotFound("access_key", accessKey)
}

func getKey(c *call) (any, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	return key, nil
}

// updateKey takes expires_at as the SDK knows it, though no recording moves
// the expiry of a live key (docs/scaleway.md, API keys): nobody shall rely on it
// (A15).
func updateKey(c *call) (any, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	var in struct {
		DefaultProjectID *string    `json:"default_project_id"`
		Description      *string    `json:"description"`
		ExpiresAt        *time.Time `json:"expires_at"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if !key.Editable {
		return nil, c.Forbidden()
	}
	if err := api.CheckTexts(nil, in.Description, nil); err != nil {
		return nil, err
	}
	if in.DefaultProjectID != nil && !c.iam.projects.Has(*in.DefaultProjectID) {
		return nil, wire.NotFound("project_id", *in.DefaultProjectID)
	}
	if in.ExpiresAt != nil {
		if err := c.checkExpiry(wire.Given(in.ExpiresAt)); err != nil {
			return nil, err
		}
		key.ExpiresAt = wire.Given(in.ExpiresAt)
	}
	wire.Set(&key.DefaultProjectID, in.DefaultProjectID)
	wire.Set(&key.Description, in.Description)
	key.UpdatedAt = wire.At(c.Now)
	return key, nil
}

// deleteKey refuses keys that are not deletable with a 403 (A16).
func deleteKey(c *call) (any, error) {
	key, err := c.key()
	if err != nil {
		if c.Allowed("") {
			return c.goneAgain("access_key", c.Request.PathValue("access_key"))
		}
		return nil, err
	}
	if !key.Deletable {
		return nil, c.Forbidden()
	}
	c.iam.removeKey(key, c.Now)
	return nil, nil
}

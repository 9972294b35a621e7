package doctor

import (
	"context"
	"errors"
	"strings"

	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// trial is what became of reading about two secrets with the function's key.
type trial struct {
	inside, outside attempt
}

// attempt is one; without a name there was no such secret.
type attempt struct {
	name    string
	refused bool
	err     error // neither
}

// try reads about a secret of the folder, and about one outside, with the function's
// key, where that stands in .env: the first deployment of setup leaves it in no file.
func (f *facts) try(ctx context.Context, o Options, api string, sdk *scw.Client) {
	own := f.ownKey()
	if own == nil || o.OwnAccessKey != own.AccessKey || sdk == nil {
		return
	}
	mine, err := newSDK(o.API, api, o.OwnAccessKey, o.OwnSecretKey)
	if err != nil {
		return
	}
	list, err := secret.NewAPI(sdk).ListSecrets(&secret.ListSecretsRequest{
		Region: scw.Region(f.settings.SecretRegion), ProjectID: &f.project,
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return // that these cannot be read the last run's line says
	}
	f.trial = &trial{}
	for _, s := range list.Secrets {
		at := &f.trial.outside
		if s.Path == f.settings.SecretPath {
			at = &f.trial.inside
		}
		if at.name != "" || s.ProjectID != f.project {
			continue
		}
		_, err := secret.NewAPI(mine).GetSecret(&secret.GetSecretRequest{Region: scw.Region(f.settings.SecretRegion), SecretID: s.ID}, scw.WithContext(ctx))
		_, at.refused = errors.AsType[*scw.PermissionsDeniedError](err)
		at.name = strings.TrimSuffix(s.Path, "/") + "/" + s.Name
		if err != nil && !at.refused {
			at.err = err
		}
	}
}

// tried says how a fence that the policy has holds.
func (f *facts) tried(path string) []Line {
	if f.trial == nil {
		return lines(right("the function gets at secrets in %s, and at none outside, by its policy", path))
	}
	var out []Line
	in, beyond := f.trial.inside, f.trial.outside
	if in.refused {
		out = append(out, wrong("make setup ARGS=--no-fence", "secret %s is refused to the function's key, though its policy gives it: no run gets at it", in.name))
	}
	if beyond.name != "" && !beyond.refused && beyond.err == nil {
		out = append(out, wrong("scw iam policy list, and look for who else grants it", "the function's key gets at secret %s, which is outside of %s, though its policy has a fence", beyond.name, path))
	}
	for _, a := range []attempt{in, beyond} {
		if a.err != nil {
			out = append(out, warning("again", "whether the function's key gets at secret %s is not known: %s", a.name, cause(a.err)))
		}
	}
	switch {
	case len(out) > 0:
	case in.name == "" || beyond.name == "":
		out = lines(right("the function gets at secrets in %s, and at none outside, by its policy; there are not both to try it", path))
	default:
		out = lines(right("the function's key gets at secret %s, and not at %s, outside of %s", in.name, beyond.name, path))
	}
	return out
}

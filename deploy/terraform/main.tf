# What serverless.yml and the README's policy deploy, for those who use Terraform: docs/terraform.md. A test holds this
# module against both.

resource "scaleway_iam_application" "rotator" {
  name            = "rotator"
  description     = "The key rotator's own"
  organization_id = var.organization_id
}

resource "scaleway_iam_policy" "rotator" {
  name            = "rotator"
  description     = "The least that the key rotator needs"
  organization_id = var.organization_id
  application_id  = scaleway_iam_application.rotator.id

  rule {
    organization_id = var.organization_id
    permission_set_names = [
      "IAMReadOnly",
      "IAMApplicationManager",
    ]
  }

  rule {
    project_ids = [var.project_id]
    permission_set_names = [
      "FunctionsFullAccess",
      "ContainersFullAccess",
    ]
  }

  # Secrets in the credentials' folder alone: docs/security.md, The fence.
  rule {
    project_ids = [var.project_id]
    condition   = lookup(var.settings, "ROTATOR_SECRET_PATH", "/rotator") == "/" ? "" : "resource.name.startsWith(\"${lookup(var.settings, "ROTATOR_SECRET_PATH", "/rotator")}/\") || !has(resource.id)"
    permission_set_names = [
      "SecretManagerReadOnly",
      "SecretManagerSecretAccess",
      "SecretManagerSecretCreate",
      "SecretManagerSecretWrite",
      "SecretManagerSecretDelete",
    ]
  }
}

# No variables here: the function's are enough, and a namespace's would be those of everything in it.
resource "scaleway_function_namespace" "rotator" {
  name       = "scw-key-rotator"
  region     = var.region
  project_id = var.project_id
}

resource "scaleway_function" "rotator" {
  name         = "rotator"
  description  = "Rotates IAM API keys, deletes legacy JWTs and checks private endpoints of this project"
  namespace_id = scaleway_function_namespace.rotator.id
  region       = var.region
  project_id   = var.project_id

  runtime      = "go126"
  handler      = "Handle"
  privacy      = "private"
  http_option  = "redirected"
  min_scale    = 0
  max_scale    = 1 # no two runs at once
  memory_limit = 512
  timeout      = 900

  zip_file = var.archive
  zip_hash = filesha256(var.archive)
  deploy   = true

  environment_variables = merge(
    var.settings,
    {
      ROTATOR_ORGANIZATION_ID = var.organization_id
      ROTATOR_PROJECT_ID      = var.project_id
    },
    var.first_access_key == null ? {} : { ROTATOR_ACCESS_KEY = var.first_access_key },
  )

  secret_environment_variables = merge(
    {
      ROTATOR_CONTROL_SECRET = var.control_secret
      ROTATOR_NOTIFY         = var.notify
      ROTATOR_HEARTBEAT      = var.heartbeat
    },
    # Whether there is one is no secret, and the access key says it.
    var.first_access_key == null ? {} : { ROTATOR_SECRET_KEY = var.first_secret_key },
  )

  lifecycle {
    # The function replaces its own key, in these two. Without this, the next apply would put back the first, which is
    # dead by then. They are kept as they are although later configurations do not have them.
    ignore_changes = [
      environment_variables["ROTATOR_ACCESS_KEY"],
      secret_environment_variables["ROTATOR_SECRET_KEY"],
    ]

    precondition {
      condition     = (var.first_access_key == null) == (var.first_secret_key == null)
      error_message = "Give both of first_access_key and first_secret_key, or neither."
    }
  }
}

resource "scaleway_function_cron" "rotator" {
  function_id = scaleway_function.rotator.id
  region      = var.region
  schedule    = var.schedule
  args        = jsonencode({}) # a cron sends no control secret: dry_run and steps are all that this can hold

  lifecycle {
    # The provider takes another function_id for no change at all: a function that is made anew would have no cron.
    replace_triggered_by = [scaleway_function.rotator.id]
  }
}

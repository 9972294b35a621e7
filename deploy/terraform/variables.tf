variable "organization_id" {
  description = "The organization."
  type        = string
}

variable "project_id" {
  description = "The project that is looked after, in which the function is deployed."
  type        = string
}

variable "region" {
  description = "Where the function is. It looks after the project in all regions."
  type        = string
  default     = "fr-par"
}

variable "archive" {
  description = "The zip that is deployed: go run ./local archive --out FILE writes it."
  type        = string
}

variable "control_secret" {
  description = "What a caller sends in X-Rotator-Control to see the whole report, or to ask for more than a plain run (openssl rand -hex 32)."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.control_secret) >= 32
    error_message = "ROTATOR_CONTROL_SECRET has at least 32 characters."
  }
}

# The key that the function starts on. It is read where the function is made, and never again: docs/terraform.md says how
# to make it, and why no scaleway_iam_api_key does.
variable "first_access_key" {
  description = "Where the function is made: the access key of a key of the module's application."
  type        = string
  default     = null
}

variable "first_secret_key" {
  description = "And its secret key."
  type        = string
  default     = null
  sensitive   = true
}

variable "settings" {
  description = "Settings of docs/settings.md. What is not given has the function's own default."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setsubtract(keys(var.settings), [
      "ROTATOR_API_URL",
      "ROTATOR_APPLICATIONS",
      "ROTATOR_BUDGET",
      "ROTATOR_CONCURRENCY",
      "ROTATOR_CONSUMERS",
      "ROTATOR_CONSUMERS_EXCLUDE",
      "ROTATOR_DEPLOY_BOUND",
      "ROTATOR_GRACE",
      "ROTATOR_HAND_MADE_KEYS",
      "ROTATOR_INTERVAL",
      "ROTATOR_KEY_LIFETIME",
      "ROTATOR_LEGACY_TOKENS",
      "ROTATOR_LOG_LEVEL",
      "ROTATOR_NOTIFY_ON",
      "ROTATOR_OWN_KEY",
      "ROTATOR_PROBE_APPLICATION",
      "ROTATOR_PROBE_CONCURRENCY",
      "ROTATOR_PROBE_PATH",
      "ROTATOR_PROBE_TIMEOUT",
      "ROTATOR_REGIONS",
      "ROTATOR_REQUESTS_PER_SECOND",
      "ROTATOR_ROTATE_AFTER",
      "ROTATOR_SECRET_PATH",
      "ROTATOR_SECRET_REGION",
      "ROTATOR_VERIFY_BOUND",
      "ROTATOR_VERIFY_WINDOW",
    ])) == 0
    error_message = "A plain setting of docs/settings.md that no other variable of this module sets. The function refuses any other ROTATOR_ variable."
  }
}

variable "notify" {
  description = "ROTATOR_NOTIFY: whom a run tells how it ended."
  type        = string
  default     = "off"
  sensitive   = true
}

variable "heartbeat" {
  description = "ROTATOR_HEARTBEAT: the URL that hears that a run came."
  type        = string
  default     = "off"
  sensitive   = true
}

variable "schedule" {
  description = "When it runs, in UTC: five fields of numbers, ranges, lists and *. Whoever changes it sets ROTATOR_INTERVAL to the longest time between two runs."
  type        = string
  default     = "17 3 * * *"
}

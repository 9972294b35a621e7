terraform {
  required_version = ">= 1.5"

  required_providers {
    scaleway = {
      source = "scaleway/scaleway"
      # Compares secret environment variables by their hashes, as those before May 2025 do not.
      version = ">= 2.60"
    }
  }
}

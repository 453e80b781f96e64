terraform {
  required_version = ">= 1.4"

  # The state's path is given at `init`, so that this folder stays as it is in the repository.
  backend "local" {}
}

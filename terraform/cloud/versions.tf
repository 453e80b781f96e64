terraform {
  required_version = ">= 1.4"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }

  # Where the state is kept is given at `init`: bucket, key, region. Whoever heals the cluster needs it, and one state
  # must not be changed by two at once (use_lockfile, or a DynamoDB table before 1.10).
  backend "s3" {}
}

provider "aws" {
  region = var.region
}

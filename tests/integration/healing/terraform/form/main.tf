# Three nodes by the real module, with a script that starts processes of no weight: for what OpenTofu does when killed.

terraform {
  required_version = ">= 1.4"
  backend "local" {}
}

variable "run_folder" {
  type = string
}

variable "names" {
  type    = list(string)
  default = ["n1", "n2", "n3"]
}

module "cassandra" {
  source     = "../../../../../terraform/modules/node"
  kind       = "cassandra"
  nodes      = { for name in var.names : name => { address = "127.0.0.1" } }
  run_folder = var.run_folder
  script     = abspath("${path.module}/light.py")
}

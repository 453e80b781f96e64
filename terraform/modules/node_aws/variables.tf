variable "nodes" {
  description = "Nodes by name. The name and the private address stay for good; the machine is replaced."
  type = map(object({
    zone    = string
    address = optional(string) # private; without one the subnet chooses
    token   = optional(string)
  }))
  validation {
    condition = (
      length(distinct([for node in values(var.nodes) : node.address if node.address != null])) ==
      length([for node in values(var.nodes) : node.address if node.address != null])
    )
    error_message = "Two nodes have the same address."
  }
}

variable "cluster" {
  description = "The name of the cluster, in tags."
  type        = string
}

variable "ami" {
  description = "The image: a Debian or Ubuntu on x86-64."
  type        = string
}

variable "instance_type" {
  description = "The machine."
  type        = string
}

variable "subnets" {
  description = "Subnet by availability zone."
  type        = map(string)
}

variable "security_groups" {
  description = "Security groups of each node."
  type        = list(string)
}

variable "key_name" {
  description = "The key pair for SSH."
  type        = string
}

variable "instance_profile" {
  description = "Instance profile; null for none."
  type        = string
  default     = null
}

variable "root_gb" {
  description = "Size of the system's disk."
  type        = number
  default     = 20
}

variable "data_gb" {
  description = "Size of the disk for data; 0 for none."
  type        = number
  default     = 0
}

variable "user_data_template" {
  description = "Path of the template of what a machine does at its first boot."
  type        = string
}

variable "settings" {
  description = "Further values for the template."
  type        = any
  default     = {}
}

variable "tags" {
  description = "Tags of each machine."
  type        = map(string)
  default     = {}
}

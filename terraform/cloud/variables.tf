variable "region" {
  description = "The region of AWS."
  type        = string
}

variable "cluster" {
  description = "The name of the cluster: in tags, and what Cassandra calls itself."
  type        = string
}

variable "vpc_id" {
  description = "The network; it is not made here."
  type        = string
}

variable "subnets" {
  description = "Private subnet by availability zone, with a route to the package repositories."
  type        = map(string)
}

variable "public_subnet" {
  description = "Subnet of Airflow's host, with a route to an internet gateway."
  type        = string
}

variable "operators_cidr" {
  description = "Who may reach Airflow's host by SSH and its page, such as 203.0.113.0/24."
  type        = string
  validation {
    condition     = can(cidrhost(var.operators_cidr, 0))
    error_message = "This is no range of addresses such as 203.0.113.0/24."
  }
  validation {
    condition     = var.operators_cidr != "0.0.0.0/0"
    error_message = "Airflow's page would be open to everybody: name the range of your own network."
  }
}

variable "key_name" {
  description = "The key pair for SSH."
  type        = string
}

variable "ami" {
  description = "The image of all machines: a Debian or Ubuntu on x86-64."
  type        = string
}

variable "cassandra_nodes" {
  description = "The nodes of Cassandra: spread over three availability zones, which are its racks."
  type = map(object({
    zone    = string
    address = string
    token   = optional(string)
  }))
  validation {
    condition     = length(var.cassandra_nodes) == 0 || length(var.cassandra_nodes) >= 3
    error_message = "With fewer than three nodes there is no quorum without one of them, and none is ever replaced."
  }
}

variable "cassandra" {
  description = "Of all nodes of Cassandra."
  type = object({
    version       = optional(string, "5.0")
    instance_type = optional(string, "m5.xlarge")
    data_gb       = optional(number, 200)
    # Only for the first apply: machines that find no ring make one. Without it they wait for the ring, so that one
    # that is cut off never makes a second.
    is_new = optional(bool, false)
  })
  default = {}
}

variable "spark" {
  description = "Spark's master and workers."
  type = object({
    zone                 = string
    master_address       = string
    worker_addresses     = optional(map(string), {})
    version              = optional(string, "3.5.9")
    master_instance_type = optional(string, "m5.large")
    worker_instance_type = optional(string, "m5.xlarge")
  })
}

variable "airflow_instance_type" {
  description = "Airflow's host."
  type        = string
  default     = "m5.large"
}

variable "airflow_gb" {
  description = "Disk of Airflow's host."
  type        = number
  default     = 80
}

variable "nodes" {
  description = "Nodes by name. The name stays for good; what runs under it is replaced."
  type = map(object({
    address  = string
    token    = optional(string) # of the first ring; a node without one joins by streaming
    jmx_port = optional(number)
  }))
}

variable "kind" {
  description = "What runs on a node."
  type        = string
  validation {
    condition     = contains(["cassandra", "spark-master", "spark-worker"], var.kind)
    error_message = "The kind is cassandra, spark-master or spark-worker."
  }
}

variable "settings" {
  description = "What all these nodes are started with; see docs/guides/cluster-as-code.md."
  type        = any
  default     = {}
}

variable "run_folder" {
  description = "Absolute path of the folder that holds the nodes' own folders."
  type        = string
}

variable "script" {
  description = "Absolute path of the script that starts and ends a node."
  type        = string
}

variable "run_folder" {
  description = "Absolute path of the folder for all that the nodes write."
  type        = string
}

variable "cassandra_nodes" {
  description = "The nodes of Cassandra. The tokens cut the ring into equal parts."
  type = map(object({
    address  = string
    token    = optional(string)
    jmx_port = number
  }))
  default = {
    n1 = { address = "127.0.0.1", token = "-9223372036854775808", jmx_port = 7199 }
    n2 = { address = "127.0.0.2", token = "-3074457345618258603", jmx_port = 7200 }
    n3 = { address = "127.0.0.3", token = "3074457345618258602", jmx_port = 7201 }
  }
}

variable "cassandra" {
  description = "What all nodes of Cassandra are started with."
  type = object({
    version       = optional(string, "5.0.9")
    cluster_name  = optional(string, "local")
    port          = optional(number, 9042)
    storage_port  = optional(number, 7000)
    heap_mb       = optional(number, 512)
    start_seconds = optional(number, 600)
    # Further keys of cassandra.yaml, and flags of Java.
    yaml        = optional(any, {})
    jvm_options = optional(list(string), [])
  })
  default = {}
}

variable "spark_master" {
  description = "The master of Spark by name; none by default."
  type        = map(object({ address = string }))
  default     = {}
  validation {
    condition     = length(var.spark_master) < 2
    error_message = "There is one master at most."
  }
}

variable "spark_workers" {
  description = "The workers of Spark by name; they need a master."
  type        = map(object({ address = string }))
  default     = {}
}

variable "spark" {
  description = "What master and workers are started with."
  type = object({
    port          = optional(number, 7077)
    web_port      = optional(number, 8080)
    cores         = optional(number, 1)
    memory        = optional(string, "1g")
    start_seconds = optional(number, 120)
    # Further settings of Spark, such as spark.worker.timeout.
    conf = optional(map(string), {})
  })
  default = {}
}

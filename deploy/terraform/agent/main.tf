# The user data of agents, for any provider's machines: what deploy/cloud-init/agent.yaml
# says, with this token and package.
terraform {
  required_version = ">= 1.5"
}

variable "token" {
  description = "parallax agents token create --region REGION --ttl 1h --uses N"
  type        = string
  sensitive   = true
}

variable "package_url" {
  description = "Where the machines find parallax-agent's .deb"
  type        = string
  validation {
    condition     = startswith(var.package_url, "https://")
    error_message = "The package is fetched by https."
  }
}

variable "package_sha256" {
  description = "Its SHA-256, in hexadecimal"
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "64 hexadecimal digits."
  }
}

output "user_data" {
  value = replace(replace(replace(
    file("${path.module}/../../cloud-init/agent.yaml"),
    "\"TOKEN\"", jsonencode(var.token)),
    "PACKAGE_SHA256  /", "${var.package_sha256}  /"),
  "'PACKAGE_URL'", "'${var.package_url}'")
  sensitive = true
}

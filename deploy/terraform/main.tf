# Agents in three regions of one provider (AWS here; the module `agent` makes user data for
# any other). They need no open port: the security group lets nothing in.
#
#   for r in us-east eu-west ap-south; do
#     parallax agents token create --region $r --ttl 1h --uses 2 --label provider=aws --quiet
#   done
#   terraform apply -var-file=agents.tfvars
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

variable "tokens" {
  description = "Enrolment tokens by Parallax region: us-east, eu-west, ap-south"
  type        = map(string)
  sensitive   = true
}

variable "package_url" { type = string }
variable "package_sha256" { type = string }

variable "per_region" {
  type    = number
  default = 2
}

provider "aws" {
  alias  = "us_east"
  region = "us-east-1"
}

provider "aws" {
  alias  = "eu_west"
  region = "eu-west-1"
}

provider "aws" {
  alias  = "ap_south"
  region = "ap-south-1"
}

module "us_east" {
  source    = "./region"
  providers = { aws = aws.us_east }
  count_of  = var.per_region
  user_data = module.us_east_agent.user_data
}

module "eu_west" {
  source    = "./region"
  providers = { aws = aws.eu_west }
  count_of  = var.per_region
  user_data = module.eu_west_agent.user_data
}

module "ap_south" {
  source    = "./region"
  providers = { aws = aws.ap_south }
  count_of  = var.per_region
  user_data = module.ap_south_agent.user_data
}

module "us_east_agent" {
  source         = "./agent"
  token          = var.tokens["us-east"]
  package_url    = var.package_url
  package_sha256 = var.package_sha256
}

module "eu_west_agent" {
  source         = "./agent"
  token          = var.tokens["eu-west"]
  package_url    = var.package_url
  package_sha256 = var.package_sha256
}

module "ap_south_agent" {
  source         = "./agent"
  token          = var.tokens["ap-south"]
  package_url    = var.package_url
  package_sha256 = var.package_sha256
}

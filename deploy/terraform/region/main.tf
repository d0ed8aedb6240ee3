# Machines of one region that become agents by their user data.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "count_of" { type = number }

variable "user_data" {
  type      = string
  sensitive = true
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

resource "aws_security_group" "agent" {
  name_prefix = "parallax-agent-"
  description = "Nothing in, anything out: an agent probes whatever it is told to"
  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_instance" "agent" {
  count                       = var.count_of
  ami                         = data.aws_ami.debian.id
  instance_type               = "t3.nano"
  vpc_security_group_ids      = [aws_security_group.agent.id]
  user_data                   = var.user_data
  user_data_replace_on_change = false # a used token is no reason for a new machine
  tags                        = { Name = "parallax-agent-${count.index + 1}" }
  metadata_options {
    http_tokens = "required"
  }
  lifecycle {
    ignore_changes = [ami, user_data]
  }
}

# The Debian packages: what goes where, and what dpkg is told. `deploy/build-packages.sh`
# builds them; the man pages and completions are made from the programs as they were built.
set(made ${CMAKE_BINARY_DIR}/package)
set(etc /etc/parallax)

add_custom_target(package_files
  COMMAND ${PROJECT_SOURCE_DIR}/deploy/man.sh ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${made}
  COMMENT "man pages, completions, changelog"
  VERBATIM)
add_dependencies(package_files parallax parallax-agent parallax-coordinator)

foreach(package parallax parallax-agent parallax-coordinator)
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/debian/copyright ${made}/changelog.gz
    DESTINATION share/doc/${package} COMPONENT ${package})
endforeach()

install(FILES ${made}/parallax.1.gz DESTINATION share/man/man1 COMPONENT parallax)
install(FILES ${made}/parallax.bash DESTINATION share/bash-completion/completions
  RENAME parallax COMPONENT parallax)
install(FILES ${made}/_parallax DESTINATION share/zsh/vendor-completions COMPONENT parallax)
install(FILES ${made}/parallax.fish DESTINATION share/fish/vendor_completions.d
  COMPONENT parallax)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/examples/monitors.yaml
  DESTINATION share/doc/parallax/examples COMPONENT parallax)

foreach(daemon agent coordinator)
  set(package parallax-${daemon})
  install(FILES ${made}/${package}.8.gz DESTINATION share/man/man8 COMPONENT ${package})
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/systemd/${package}.service
    DESTINATION lib/systemd/system COMPONENT ${package})
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/systemd/${package}.sysusers
    DESTINATION lib/sysusers.d RENAME ${package}.conf COMPONENT ${package})
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/systemd/${package}.tmpfiles
    DESTINATION lib/tmpfiles.d RENAME ${package}.conf COMPONENT ${package})
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/examples/${daemon}.yaml
    DESTINATION ${etc} COMPONENT ${package})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/deploy/systemd/parallax-agent.path
  DESTINATION lib/systemd/system COMPONENT parallax-agent)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME parallax)
set(CPACK_PACKAGE_CONTACT "The Parallax authors <maintainers@parallax.example>")
set(CPACK_COMPONENTS_ALL parallax parallax-agent parallax-coordinator)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

# describe(COMPONENT SUMMARY TEXT [DEPENDS])
macro(describe component summary text)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${component})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${text}")
  if(${ARGC} GREATER 3)
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${ARGV3}")
    set(dir ${PROJECT_SOURCE_DIR}/deploy/debian/${component})
    set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA
      ${dir}/conffiles ${dir}/postinst ${dir}/prerm ${dir}/postrm)
  endif()
endmacro()

set(helpers "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, init-system-helpers (>= 1.52)")
describe(parallax "command line of a network of TCP probes"
  "Parallax watches TCP services from many places and says what broke: the\nservice, its host, its network, or the path from one place.\n.\nThis is the command that people use: monitors, status, incidents, agents.")
describe(parallax-agent "probes TCP services from where it runs"
  "Parallax watches TCP services from many places and says what broke: the\nservice, its host, its network, or the path from one place.\n.\nThis is the daemon of one vantage point. It needs no privilege, no open\nport, and one connection to its coordinator."
  "${helpers}")
set(coordinator_needs "${helpers}, ca-certificates, tzdata")
describe(parallax-coordinator "concludes what broke from what many TCP probes see"
  "Parallax watches TCP services from many places and says what broke: the\nservice, its host, its network, or the path from one place.\n.\nThis is the daemon that agents report to: it stores results, judges them,\nand tells people."
  "${coordinator_needs}")

include(CPack)

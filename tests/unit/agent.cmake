foreach(module plan pacer attempt policy sendq jobs)
  plx_test(test_${module} SOURCES test_${module}.c LINKS plx_agent_core)
endforeach()

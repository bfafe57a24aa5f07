console.log("end\t[]")
